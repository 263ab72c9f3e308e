/*
 * alert_text - incidents as people read them, and what the commands about them
 * share. An incident is an object as /api/v1/alerts has it.
 */
#ifndef CLI_ALERT_TEXT_H
#define CLI_ALERT_TEXT_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/command.h"

/* In the order in which somebody is needed. */
enum alert_need {
	ALERT_NEEDS_SOMEBODY, /* open, and nobody has it */
	ALERT_IS_STALE,
	ALERT_IS_ACKED,
	ALERT_IS_QUIET, /* silenced, inhibited or in maintenance; a mute is of
			 * all of them, and changes nothing here */
	ALERT_IS_OVER,
};
#define ALERT_NNEED 5

enum alert_need alert_need(const json_t *incident);
/* "open", "acked", "silenced", ... */
const char *alert_state_word(const json_t *incident);
const char *alert_severity(const json_t *incident); /* "-": it has none */
const char *alert_label(const json_t *incident, const char *name); /* or "" */
/* The name and what is said of it, in one line; the caller frees it. */
char *alert_title(const json_t *incident);

/* The line of a mute, when there is one. */
void alert_print_mute(const json_t *mute, FILE *out);

/* {"who": ..., "note": ...} to be sent; NOTE may be NULL. NULL: it is no UTF-8,
 * which was said. */
json_t *alert_body(const char *name, const char *note);
/* Does TEXT look like an id of an incident? Else it was said. */
bool alert_is_id(const char *text);

#endif
