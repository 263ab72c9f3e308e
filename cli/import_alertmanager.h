/*
 * import_alertmanager - Alertmanager's configuration becomes the section
 * `alerts`.
 *
 * Its route, its receivers for mail, Slack, webhooks and PagerDuty, its
 * inhibition and its time intervals are carried over, with their names. What is
 * not is said with its line: templates of Go, other channels, how its mail
 * leaves. No secret is ever written: its place is, and how to put it there.
 */
#ifndef CLI_IMPORT_ALERTMANAGER_H
#define CLI_IMPORT_ALERTMANAGER_H

#include "base/buf.h"
#include "cli/am_yaml.h"
#include "cli/import_postfix.h"

struct import_am {
	struct import im;
	struct am_yaml yaml;
	yaml_node_t *global; /* NULL: none */
	size_t lines;        /* written so far of what may go on and on */
	struct buf out;      /* below `alerts` */
	/* For who reads: why the text is none, and where. */
	char *why; /* owned */
	size_t line;
};

/* Lines of routes and receivers, whatever aliases make of them. */
#define IMPORT_AM_LINES_MAX 100000

void import_am_init(struct import_am *ia);
void import_am_done(struct import_am *ia);
/* 0; or -EINVAL with the reason in IA. */
int import_alertmanager(struct import_am *ia, const char *text, size_t len,
			struct buf *ret_yaml);

/* --- what its files share ------------------------------------------------------ */

/* "- line 7, KEY: why". */
void import_am_note(struct import_am *ia, const yaml_node_t *node,
		    const char *key, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The list that KEY of NODE is; NULL: none, which is noted where something else
 * stands there. */
yaml_node_t *import_am_get_list(struct import_am *ia, yaml_node_t *node,
				const char *key);
/* As am_item(), of a list of mappings that KEY is: an entry that is none is
 * noted. */
yaml_node_t *import_am_entry(struct import_am *ia, yaml_node_t *list, size_t at,
			     const char *key);
/* Keys of the mapping NODE that are not in KNOWN (NULL ends) are noted. */
void import_am_unknown(struct import_am *ia, yaml_node_t *node,
		       const char *const *known);
/* One line of the section, DEPTH steps in. */
void import_am_put(struct import_am *ia, int depth, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
const char *import_am_quote(struct import_am *ia, const char *s);
/* A name of a receiver as ours may be. */
const char *import_am_name(struct import_am *ia, const char *name);
/* "KEY: [a, b]" of a list of texts; nothing where there is none. */
void import_am_list(struct import_am *ia, int depth, yaml_node_t *node,
		    const char *key);
/* "KEY: 5m", within what ours may be. */
void import_am_time(struct import_am *ia, int depth, yaml_node_t *node,
		    const char *key, int64_t min_ms, int64_t max_ms);
/* The matchers of NODE, of both its ways to write them, as OURS. */
void import_am_matchers(struct import_am *ia, int depth, yaml_node_t *node,
			const char *ours, const char *match,
			const char *match_re, const char *matchers);

/* import_am_route.c */
void import_am_route(struct import_am *ia, yaml_node_t *route);
/* import_am_receivers.c */
void import_am_receivers(struct import_am *ia, yaml_node_t *receivers);

#endif
