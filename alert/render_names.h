/*
 * render_names - the variables of the templates, each with a line of help: what
 * docs/alerts-mail.md lists and what a template is checked against.
 */
#ifndef ALERT_RENDER_NAMES_H
#define ALERT_RENDER_NAMES_H

#include <stdbool.h>

struct render_name {
	const char *name, *help;
};

/* Of a notice, and of each of its `alerts`; a NULL name ends. */
extern const struct render_name render_notice_names[];
extern const struct render_name render_alert_names[];
/* Of what is listed as names and values. */
extern const struct render_name render_label_names[];

/* Is the first word of NAME one of these, or "." or -first or -last? */
bool render_name_is_known(const char *name);
/* What NAME was probably meant to be, or NULL. */
const char *render_name_nearest(const char *name);

#endif
