/*
 * pattern - which addresses a rule means; one grammar everywhere.
 *
 *	anna@example.org    that address, with any extension (anna+x@)
 *	example.org         everyone there
 *	.example.org        everyone in its subdomains
 *	*@*.example.org     a glob: * is any run of characters
 *	/expression/        PCRE2 on the whole address, `$` means the end only
 *
 * Letter case does not matter. What is compared is the address as
 * address_text() has it: a domain is ASCII, and quotes stand around a local
 * part that can't be without.
 */
#ifndef MAIL_PATTERN_H
#define MAIL_PATTERN_H

#include <stdbool.h>

#include "mail/address.h"

struct pattern;

/* 0, or -EINVAL with a reason that the caller frees. */
int pattern_new(const char *text, char delimiter, struct pattern **ret,
		char **ret_why);
void pattern_free(struct pattern **p);
/* A regular expression that hits its match limit does not match. */
bool pattern_match(const struct pattern *p, const struct address *a);

#endif
