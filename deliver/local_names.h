/*
 * local_names - what a recipient's address becomes on this machine: a folder's
 * path or a program's arguments.
 */
#ifndef DELIVER_LOCAL_NAMES_H
#define DELIVER_LOCAL_NAMES_H

#include <stdbool.h>

#include "base/conf.h"
#include "deliver/template.h"

struct route_rule;

/* The Maildir of a recipient, in ARENA; NULL when a value would be no name of a
 * folder, or of another than the recipient's. */
const char *local_path(const char *path, const struct template_values *values,
		       struct arena *arena);
/* COMMAND with its names filled in, ended by NULL; NULL when an argument would
 * become an option by what was filled in. Behind a "--" there are none. */
const char **local_args(const struct conf_strings *command,
			const struct template_values *values,
			struct arena *arena);
/* May RCPT be delivered by RULE, as far as its address tells? Other kinds of
 * routes take everybody. */
bool local_takes(const struct route_rule *rule, const char *rcpt,
		 char delimiter, struct arena *arena);

#endif
