/*
 * alias_file - /etc/aliases as sendmail and Postfix have it (aliases(5)).
 *
 *	file    = *( comment / blank / entry )
 *	entry   = name ":" [ address *( "," address ) ]
 *	name    = local part, in "quotes" where it needs them
 *
 * A line that begins with white space goes on with the entry before it; one
 * whose first character is a # is a comment, also between such lines. Addresses
 * are those of a header field: names and comments beside them don't count.
 * |command, /file and :include: are errors: what runs or writes is a route.
 */
#ifndef MAIL_ALIAS_FILE_H
#define MAIL_ALIAS_FILE_H

#include "base/arena.h"
#include "base/conf.h"

/* The entries of DATA, in its order, as the file's text has them; FILE stands
 * in the marks. 0, or -EINVAL with an error for each line that is wrong. */
int alias_file_parse(const char *file, const char *data, size_t len,
		     struct arena *arena, struct conf_errors *errors,
		     struct conf_map *ret);

#endif
