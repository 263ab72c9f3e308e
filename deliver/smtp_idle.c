/*
 * smtp_idle - connections that rest, found by what they lead to.
 *
 * Mail to ever new domains leaves hundreds of them, and each try asks twice:
 * for its host, and for each of its addresses. So they stand in two tables of
 * buckets, the newest first, besides the list of all by age.
 */
#include <string.h>
#include <strings.h>
#include <uthash.h>

#include "deliver/deliver_impl.h"

/* --- what fits ---------------------------------------------------------------- */

static bool
idle_same_source(const struct sockaddr_any *a, const struct sockaddr_any *b)
{
	return a->len == b->len && memcmp(&a->ss, &b->ss, a->len) == 0;
}

static bool
idle_fits_addr(const struct smtp_conn *c, const struct smtp_try *t,
	       const struct smtp_host *host, const struct sockaddr_any *addr)
{
	const struct hop *entry = host->entry;
	struct sockaddr_any source = {.len = 0};

	if (!idle_same_source(&c->addr, addr) ||
	    c->so.conf.lmtp != smtp_try_is_lmtp(t) ||
	    strcmp(c->helo, routing_helo(t->routing, entry)) != 0 ||
	    !hop_same_session(c->entry, entry) ||
	    (c->hello.policy.level == TLS_LEVEL_VERIFY &&
	     strcasecmp(c->host, host->name) != 0))
		return false;
	routing_bind(t->routing, entry, addr->ss.ss_family, &source);
	return idle_same_source(&c->source, &source);
}

/* By MX all domains have one entry. */
static bool
idle_fits_host(const struct smtp_conn *c, const struct smtp_try *t,
	       const struct smtp_host *host)
{
	return c->entry == host->entry &&
	       (c->entry != t->mx_entry || strcmp(c->domain, t->a->dest) == 0);
}

bool
smtp_idle_fits(const struct smtp_conn *c, const struct smtp_try *t)
{
	const struct smtp_host *host = &t->hosts[t->host_at];

	if (t->fresh)
		return false;
	if (idle_fits_host(c, t, host))
		return true;
	return t->state == SMTP_TRY_ADDRESS_SLOT &&
	       idle_fits_addr(c, t, host, &t->addrs[t->addr_at]);
}

/* --- the tables --------------------------------------------------------------- */

/* Of an entry, or by MX of a domain. */
static size_t
idle_host_bucket(const struct hop *entry, const char *by_mx)
{
	unsigned hash;

	if (by_mx)
		HASH_VALUE(by_mx, strlen(by_mx), hash);
	else
		HASH_VALUE(&entry, sizeof(entry), hash);
	return hash % SMTP_IDLE_BUCKETS;
}

static size_t
idle_addr_bucket(const struct sockaddr_any *addr)
{
	unsigned hash;

	HASH_VALUE(&addr->ss, addr->len, hash);
	return hash % SMTP_IDLE_BUCKETS;
}

void
smtp_idle_init(struct smtp_idle *idle)
{
	TAILQ_INIT(&idle->all);
	idle->n = 0;
	for (size_t i = 0; i < SMTP_IDLE_BUCKETS; i++) {
		TAILQ_INIT(&idle->host[i]);
		TAILQ_INIT(&idle->addr[i]);
	}
}

void
smtp_idle_add(struct smtp_idle *idle, struct smtp_conn *c)
{
	TAILQ_INSERT_HEAD(&idle->all, c, link);
	TAILQ_INSERT_HEAD(&idle->host[idle_host_bucket(c->entry, c->domain)], c,
			  host_link);
	TAILQ_INSERT_HEAD(&idle->addr[idle_addr_bucket(&c->addr)], c,
			  addr_link);
	idle->n++;
}

void
smtp_idle_remove(struct smtp_idle *idle, struct smtp_conn *c)
{
	TAILQ_REMOVE(&idle->all, c, link);
	TAILQ_REMOVE(&idle->host[idle_host_bucket(c->entry, c->domain)], c,
		     host_link);
	TAILQ_REMOVE(&idle->addr[idle_addr_bucket(&c->addr)], c, addr_link);
	idle->n--;
}

struct smtp_conn *
smtp_idle_find_host(struct smtp_try *t, const struct smtp_host *host)
{
	const char *by_mx = host->entry == t->mx_entry ? t->a->dest : NULL;
	size_t at = idle_host_bucket(host->entry, by_mx);
	struct smtp_conn *c;

	TAILQ_FOREACH (c, &t->dl->idle.host[at], host_link)
		if (idle_fits_host(c, t, host))
			return c;
	return NULL;
}

struct smtp_conn *
smtp_idle_find_addr(struct smtp_try *t, const struct smtp_host *host,
		    const struct sockaddr_any *addr)
{
	size_t at = idle_addr_bucket(addr);
	struct smtp_conn *c;

	TAILQ_FOREACH (c, &t->dl->idle.addr[at], addr_link)
		if (idle_fits_addr(c, t, host, addr))
			return c;
	return NULL;
}
