/*
 * routes_conf - the section `routes`: recipients that have a way of their own,
 * before any other.
 *
 * One pass from the top, the first match wins. Each kind of `deliver` is an
 * agent of the queue, and says in route_kinds[] which keys it takes.
 */
#ifndef DELIVER_ROUTES_CONF_H
#define DELIVER_ROUTES_CONF_H

#include "base/conf.h"
#include "mail/address.h"

enum route_deliver {
	ROUTE_SMTP,
	ROUTE_LMTP,
	ROUTE_MAILDIR,
	ROUTE_PIPE,
	ROUTE_ALERT, /* an alert, or an answer to one */
};
extern const char *const route_deliver_names[];

struct route_rule {
	char *match;
	int deliver;          /* enum route_deliver */
	struct conf_list via; /* of struct hop */
	char *path;           /* of a Maildir, a template */
	/* Of a pipe. */
	struct conf_strings command; /* a program and templates */
	char *as;                    /* whose program; "": ours */
	int64_t time_ms, output_max;
	struct {
		int64_t cache_ms; /* 0: not asked */
	} verify;
	struct conf_strings bcc; /* who gets a copy that nobody sees */
	/* Made by routing_new(). */
	struct pattern *pattern;
	struct address *copies; /* BCC, as many */
	struct conf_mark mark;
};
extern const struct conf_table route_rule_table;

/* Where another user's runner listens: belfry-run@USER.socket. */
#define ROUTE_RUN_DIR "/run/belfry-run"
/* Is a runner there for each route of ROUTES that wants one? Else an error says
 * which unit makes it. */
void routes_check_runners(const struct conf_list *routes,
			  struct conf_errors *errors);

/* A pattern as every section takes it; for options. */
bool route_check_match(void *field, const struct conf_mark *mark,
		       struct conf_errors *errors);

#endif
