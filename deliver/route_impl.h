/*
 * route_impl - what the files of the routing share.
 */
#ifndef DELIVER_ROUTE_IMPL_H
#define DELIVER_ROUTE_IMPL_H

#include <stdatomic.h>

#include "deliver/aliases.h"
#include "deliver/route.h"

/* One step of the lookup. */
struct route_list {
	const char *agent;
	const char *dest;
	const char *name;            /* of the rule */
	const struct pattern *match; /* NULL: everybody */
	bool by_sender;              /* MATCH is of the sender */
	const struct hop *hops;
	size_t nhops;
	const struct route_rule *rule; /* of `routes`; NULL */
};

struct routing {
	atomic_uint refs;
	struct arena arena;
	struct delivery_conf conf;
	struct conf_list routes; /* of struct route_rule */
	const char *hostname, *origin;
	char delimiter;
	struct alias_domains domains; /* sorted, in lower case */
	struct aliases *aliases;
	size_t nlists;
	struct route_list *lists; /* in the order of lookup */
	size_t nonly;
	struct pattern **only; /* conf.only_recipients */
	struct hop mx;         /* stands for the hosts of any domain */
	size_t nlistens;
	struct sockaddr_any *listens;
	struct dkim_keys *keys; /* a reference; NULL: none */
	unsigned char print[ROUTING_PRINT_LEN];
};

/* --- route.c ---------------------------------------------------------------- */

char *rt_dup(struct routing *r, const char *s);
void rt_dup_mark(struct routing *r, struct conf_mark *mark);
/* The structs of LIST, each SIZE bytes; what they point to is not copied. */
void rt_dup_list(struct routing *r, struct conf_list *list, size_t size);
/* PORT: of the entries that name none. */
void rt_dup_hops(struct routing *r, struct conf_list *list, int port);
/* The name of a list of next hops. */
const char *rt_dest(struct routing *r, const struct conf_list *hops);
struct pattern *rt_compile(struct routing *r, const char *match,
			   const struct conf_mark *mark,
			   struct conf_errors *errors);
struct route_list *rt_add(struct routing *r);

/* Is there nobody at DOMAIN but who is in `routes`? */
bool rt_is_closed(const struct routing *r, const char *domain);

/* --- route_arm.c ------------------------------------------------------------- */

void rt_disarm(struct routing *r);

/* --- route_rules.c: the section `routes` ---------------------------------------- */

void rt_dup_routes(struct routing *r, const struct conf_list *routes);
/* One list a rule. */
void rt_add_routes(struct routing *r, struct conf_errors *errors);
void rt_done_routes(struct routing *r);

#endif
