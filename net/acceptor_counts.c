#include "net/acceptor_counts.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

#include "base/must.h"
#include "base/tally.h"
#include "base/xalloc.h"

/* Whose connections are counted together. */
struct place_key {
	enum place_kind { PLACE_UID, PLACE_SITE, PLACE_NETWORK } kind;
	uint8_t id[16];
};

/* It lives while N > 0. */
struct place {
	struct place_key key;
	int64_t n;
	UT_hash_handle hh;
};

/*
 * pending --enter--> counted --leave--> pending
 *                    counted --gives way--> leaving
 * pending --refused--> lingering
 */
enum ticket_state {
	TICKET_PENDING,
	TICKET_COUNTED,
	TICKET_LEAVING,
	TICKET_LINGERING,
};

struct acceptor_ticket {
	TAILQ_ENTRY(acceptor_ticket) entry; /* of those that are counted */
	struct acceptor_counts *counts;     /* borrowed */
	enum ticket_state state;
	struct place *site, *network; /* counted: borrowed; NULL: none */
	_Atomic int64_t idle_since;
	struct loop *loop; /* borrowed; NULL: can't be asked */
	uint64_t handle;
	loop_fn *give_way;
};

struct acceptor_counts {
	pthread_mutex_t lock;
	struct acceptor_limits limits;
	struct place *places;              /* owned */
	TAILQ_HEAD(, acceptor_ticket) all; /* counted ones */
	int64_t connections;               /* counted ones */
	int64_t pending, leaving;
	int64_t lingering; /* refused, and still to read why */
	struct tally *site_rates, *network_rates; /* owned */
	bool closed; /* freed with the last of all these */
};

/* --- its life --------------------------------------------------------------- */

struct acceptor_counts *
counts_new(void)
{
	struct acceptor_counts *c = xcalloc(1, sizeof(*c));

	pthread_mutex_init(&c->lock, NULL);
	c->limits = (struct acceptor_limits){
		.connections = INT64_MAX,
		.connections_per_ip = INT64_MAX,
	};
	TAILQ_INIT(&c->all);
	c->site_rates = tally_new(ACCEPTOR_RATES_MAX);
	c->network_rates = tally_new(ACCEPTOR_RATES_MAX);
	return c;
}

/* Unlock, and free it when nobody is left who would give something back. */
static void
counts_unlock(struct acceptor_counts *c)
{
	bool over = c->closed && c->connections == 0 && c->pending == 0 &&
		    c->leaving == 0 && c->lingering == 0;

	pthread_mutex_unlock(&c->lock);
	if (!over)
		return;
	pthread_mutex_destroy(&c->lock);
	tally_free(&c->site_rates);
	tally_free(&c->network_rates);
	free(c);
}

void
counts_set_limits(struct acceptor_counts *c,
		  const struct acceptor_limits *limits)
{
	pthread_mutex_lock(&c->lock);
	c->limits = *limits;
	pthread_mutex_unlock(&c->lock);
}

void
counts_close(struct acceptor_counts *c)
{
	pthread_mutex_lock(&c->lock);
	c->closed = true;
	counts_unlock(c);
}

/* Under the lock. */
static bool
counts_linger(struct acceptor_counts *c)
{
	bool may = c->lingering < ACCEPTOR_LINGER_MAX;

	c->lingering += may;
	return may;
}

bool
counts_may_linger(struct acceptor_counts *c)
{
	bool may;

	pthread_mutex_lock(&c->lock);
	may = counts_linger(c);
	pthread_mutex_unlock(&c->lock);
	return may;
}

void
counts_lingered(void *counts)
{
	struct acceptor_counts *c = counts;

	pthread_mutex_lock(&c->lock);
	c->lingering--;
	counts_unlock(c);
}

/* --- places; all of it under the lock ---------------------------------------- */

static bool
site_key(int fd, const struct sockaddr_any *peer, struct place_key *ret)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	memset(ret, 0, sizeof(*ret));
	ret->kind = PLACE_SITE;
	if (peer->ss.ss_family != AF_UNIX)
		return sockaddr_site(peer, ret->id);
	ret->kind = PLACE_UID;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0)
		memcpy(ret->id, &cred.uid, sizeof(cred.uid));
	return true;
}

static bool
network_key(const struct sockaddr_any *peer, struct place_key *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->kind = PLACE_NETWORK;
	return sockaddr_network(peer, ret->id);
}

static struct place *
place_find(struct acceptor_counts *c, const struct place_key *key)
{
	struct place *p;

	HASH_FIND(hh, c->places, key, sizeof(*key), p);
	return p;
}

static int64_t
place_n(const struct place *p)
{
	return p != NULL ? p->n : 0;
}

static struct place *
place_add(struct acceptor_counts *c, const struct place_key *key)
{
	struct place *p = place_find(c, key);

	if (p == NULL) {
		p = xcalloc(1, sizeof(*p));
		p->key = *key;
		HASH_ADD(hh, c->places, key, sizeof(p->key), p);
	}
	p->n++;
	return p;
}

static void
place_remove(struct acceptor_counts *c, struct place **pp)
{
	struct place *p = *pp;

	*pp = NULL;
	if (p == NULL || --p->n > 0)
		return;
	HASH_DEL(c->places, p);
	free(p);
}

/* --- who gives way ------------------------------------------------------------ */

struct give_way {
	struct post post;
	struct loop *loop; /* borrowed */
	uint64_t handle;
	loop_fn *fn;
};

static void
give_way_fn(void *arg)
{
	struct give_way *g = arg;
	void *owner = loop_handle_find(g->loop, g->handle);

	if (owner != NULL)
		g->fn(owner);
	free(g);
}

/* It is counted no more, and has so many others at its side until it is gone.
 */
static void
ticket_leave(struct acceptor_ticket *t, enum ticket_state next)
{
	struct acceptor_counts *c = t->counts;

	TAILQ_REMOVE(&c->all, t, entry);
	place_remove(c, &t->site);
	place_remove(c, &t->network);
	c->connections--;
	t->state = next;
	if (next == TICKET_LEAVING)
		c->leaving++;
	else
		c->pending++;
}

static void
ticket_give_way(struct acceptor_ticket *t)
{
	struct give_way *g = xcalloc(1, sizeof(*g));

	g->loop = t->loop;
	g->handle = t->handle;
	g->fn = t->give_way;
	ticket_leave(t, TICKET_LEAVING);
	loop_post(g->loop, &g->post, give_way_fn, g);
}

/* The oldest idle one of the network that has most, where that is more than the
 * newcomer's NETWORK has, or of that itself; a TRUSTED newcomer is served by
 * any. False: nobody can be asked. */
static bool
counts_make_way(struct acceptor_counts *c, const struct place *network,
		bool trusted, int64_t now)
{
	struct acceptor_ticket *t, *best = NULL;
	int64_t best_since = 0;

	if (c->leaving >= ACCEPTOR_LEAVING_MAX)
		return false;
	TAILQ_FOREACH (t, &c->all, entry) {
		int64_t since = atomic_load_explicit(&t->idle_since,
						     memory_order_relaxed);
		int64_t n = place_n(t->network);

		if (t->loop == NULL || since > now - ACCEPTOR_IDLE_MS ||
		    (!trusted && t->network != network &&
		     n <= place_n(network)))
			continue;
		if (best == NULL || n > place_n(best->network) ||
		    (n == place_n(best->network) && since < best_since)) {
			best = t;
			best_since = since;
		}
	}
	if (best != NULL)
		ticket_give_way(best);
	return best != NULL;
}

/* --- who comes in -------------------------------------------------------------- */

static const char *
counts_room(struct acceptor_counts *c, const struct place *network,
	    enum acceptor_peer who, int64_t now)
{
	int64_t most = c->limits.connections, left = most - c->connections;
	bool trusted = who == ACCEPTOR_TRUSTED;
	bool share = c->limits.shared && !trusted && left < most / 4 &&
		     place_n(network) >= left;

	if (left > 0 && !share)
		return NULL;
	if (c->limits.shared && counts_make_way(c, network, trusted, now))
		return NULL;
	return left > 0 ? "connections_share" : "connections";
}

/* Is there something that keeps it out? */
static const char *
counts_refusal(struct acceptor_counts *c, const struct place_key *site,
	       const struct place_key *network, enum acceptor_peer who,
	       int64_t now)
{
	const struct acceptor_limits *l = &c->limits;

	if (place_n(place_find(c, site)) >= l->connections_per_ip)
		return "connections_per_ip";
	if (who == ACCEPTOR_ANYBODY &&
	    !tally_has_room(c->site_rates, site->id, sizeof(site->id),
			    &l->rate_per_ip, now))
		return "rates.connections_per_ip";
	if (who == ACCEPTOR_ANYBODY &&
	    !tally_has_room(c->network_rates, network->id, sizeof(network->id),
			    &l->rate_per_network, now))
		return "rates.connections_per_network";
	return counts_room(c, place_find(c, network), who, now);
}

/* A pending ticket is counted from now on, or the limit that keeps it out. */
static const char *
ticket_enter(struct acceptor_ticket *t, int fd, const struct sockaddr_any *peer,
	     enum acceptor_peer who, int64_t now)
{
	struct acceptor_counts *c = t->counts;
	struct place_key site, network;
	bool has_site = site_key(fd, peer, &site);
	bool has_network = network_key(peer, &network);
	const char *limit = counts_refusal(c, &site, &network, who, now);

	must(t->state == TICKET_PENDING);
	if (limit != NULL)
		return limit;
	if (who == ACCEPTOR_ANYBODY) {
		tally_count(c->site_rates, site.id, sizeof(site.id),
			    &c->limits.rate_per_ip, now);
		tally_count(c->network_rates, network.id, sizeof(network.id),
			    &c->limits.rate_per_network, now);
	}
	t->site = has_site ? place_add(c, &site) : NULL;
	t->network = has_network ? place_add(c, &network) : NULL;
	t->state = TICKET_COUNTED;
	c->pending--;
	c->connections++;
	TAILQ_INSERT_TAIL(&c->all, t, entry);
	return NULL;
}

/* As if it had never been. */
static void
ticket_remove(struct acceptor_ticket *t)
{
	struct acceptor_counts *c = t->counts;

	if (t->state == TICKET_COUNTED)
		ticket_leave(t, TICKET_PENDING);
	if (t->state == TICKET_PENDING)
		c->pending--;
	else if (t->state == TICKET_LEAVING)
		c->leaving--;
	else
		c->lingering--;
	free(t);
}

static struct acceptor_ticket *
ticket_new(struct acceptor_counts *c)
{
	struct acceptor_ticket *t = xcalloc(1, sizeof(*t));

	t->counts = c;
	t->state = TICKET_PENDING;
	atomic_init(&t->idle_since, INT64_MAX);
	c->pending++;
	return t;
}

struct acceptor_ticket *
counts_admit(struct acceptor_counts *c, int fd, const struct sockaddr_any *peer,
	     enum acceptor_peer who, int64_t now, const char **ret_limit)
{
	struct acceptor_ticket *t;
	const char *limit = NULL;

	pthread_mutex_lock(&c->lock);
	t = ticket_new(c);
	if (who != ACCEPTOR_PROXY)
		limit = ticket_enter(t, fd, peer, who, now);
	else if (c->pending > ACCEPTOR_PENDING_MAX)
		limit = "connections";
	if (limit != NULL) {
		ticket_remove(t);
		t = NULL;
		*ret_limit = limit;
	}
	counts_unlock(c);
	return t;
}

/* --- tickets -------------------------------------------------------------------- */

void
acceptor_release(struct acceptor_ticket **ticket)
{
	struct acceptor_ticket *t = ticket != NULL ? *ticket : NULL;
	struct acceptor_counts *c;

	if (t == NULL)
		return;
	*ticket = NULL;
	c = t->counts;
	pthread_mutex_lock(&c->lock);
	ticket_remove(t);
	counts_unlock(c);
}

const char *
acceptor_move(struct acceptor_ticket *t, const struct sockaddr_any *client,
	      enum acceptor_peer who, int64_t now)
{
	const char *limit = NULL;

	if (t == NULL)
		return NULL;
	pthread_mutex_lock(&t->counts->lock);
	if (t->state == TICKET_COUNTED)
		ticket_leave(t, TICKET_PENDING);
	if (t->state == TICKET_PENDING)
		limit = ticket_enter(t, -1, client, who, now);
	pthread_mutex_unlock(&t->counts->lock);
	return limit;
}

/* It keeps no place of those who are still to say whose they are. */
bool
acceptor_may_linger(struct acceptor_ticket *t)
{
	bool may;

	if (t == NULL)
		return true;
	pthread_mutex_lock(&t->counts->lock);
	may = t->state != TICKET_PENDING || counts_linger(t->counts);
	if (may && t->state == TICKET_PENDING) {
		t->counts->pending--;
		t->state = TICKET_LINGERING;
	}
	pthread_mutex_unlock(&t->counts->lock);
	return may;
}

void
acceptor_owned(struct acceptor_ticket *t, struct loop *loop, uint64_t handle,
	       loop_fn *give_way)
{
	if (t == NULL)
		return;
	pthread_mutex_lock(&t->counts->lock);
	t->loop = loop;
	t->handle = handle;
	t->give_way = give_way;
	pthread_mutex_unlock(&t->counts->lock);
}

void
acceptor_idle(struct acceptor_ticket *t, int64_t now)
{
	if (t != NULL)
		atomic_store_explicit(&t->idle_since, now,
				      memory_order_relaxed);
}
