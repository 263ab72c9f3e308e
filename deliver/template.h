/*
 * template - the {names} in a route's path or argument.
 *
 *	{to}         the recipient's address
 *	{local}      its local part without extension and quotes
 *	{domain}     its domain
 *	{extension}  what stands behind the delimiter; may be empty
 *	{from}       the envelope sender; empty for a report
 *
 * `{{` stands for one brace; another word between braces is an error of the
 * configuration.
 */
#ifndef DELIVER_TEMPLATE_H
#define DELIVER_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

enum template_name {
	TEMPLATE_TO,
	TEMPLATE_LOCAL,
	TEMPLATE_DOMAIN,
	TEMPLATE_EXTENSION,
	TEMPLATE_FROM,
	TEMPLATE_NNAME,
};
extern const char *const template_names[];
/* What a path takes: what a stranger chooses freely is no name of a folder. */
#define TEMPLATE_PATH                                                          \
	(1u << TEMPLATE_LOCAL | 1u << TEMPLATE_DOMAIN |                        \
	 1u << TEMPLATE_EXTENSION)
#define TEMPLATE_ALL ((1u << TEMPLATE_NNAME) - 1)

/* The longest text that a check of the configuration may let through. */
#define TEMPLATE_TEXT_MAX 1024

struct template_values {
	const char *v[TEMPLATE_NNAME]; /* by enum template_name */
};

/* In ARENA. DELIMITER '\0': no extensions. */
void template_values_init(struct template_values *values, const char *sender,
			  const char *rcpt, char delimiter,
			  struct arena *arena);
/* Letters of the ASCII in lower case: mailboxes have no others. */
void template_values_lower(struct template_values *values, struct arena *arena);

/* Does TEXT name only what ALLOWED (bits) has? Else the first other name is at
 * *RET_BAD, *RET_LEN bytes with its braces. */
bool template_check(const char *text, unsigned allowed, const char **ret_bad,
		    size_t *ret_len);
/* What every expansion of TEXT begins with: up to the first name, in ARENA. */
const char *template_fixed(const char *text, struct arena *arena);
/* Which names stand in TEXT, as bits. */
unsigned template_used(const char *text);
const char *template_expand(const char *text,
			    const struct template_values *values,
			    struct arena *arena);

#endif
