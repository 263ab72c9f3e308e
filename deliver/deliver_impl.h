/*
 * deliver_impl - what the files of this folder know of one another.
 *
 *	struct deliver        one a process: routing, ceilings
 *	struct deliver_loop   one a loop: connections and tries; the loop's own
 *	struct smtp_try       an attempt on its way: hosts, addresses, a place
 *	                      below the ceilings, a connection
 *	struct smtp_conn      a socket and its machine; carries one try at a
 *                            time, is idle or ends
 *	struct maildir_try    an attempt on its way into a Maildir
 *	struct pipe_try       an attempt on its way into a program
 *	struct endpoint_try   an attempt on its way to an endpoint of alerts
 */
#ifndef DELIVER_DELIVER_IMPL_H
#define DELIVER_DELIVER_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "deliver/deliver.h"
#include "deliver/endpoint.h"
#include "deliver/host_memory.h"
#include "deliver/slots.h"
#include "deliver/smtp_hello.h"
#include "queue/attempt.h"
#include "queue/teller.h"

#define SMTP_IDLE_MS   5000
#define SMTP_RELAY_MAX 512

struct endpoint_try;
struct fetcher;
struct pipe_try;
struct whole_agent;
struct smtp_try;
struct smtp_conn;
TAILQ_HEAD(smtp_try_list, smtp_try);
TAILQ_HEAD(smtp_conn_list, smtp_conn);

/* Connections without a mail, the newest first. */
#define SMTP_IDLE_BUCKETS 256
struct smtp_idle {
	size_t n;
	struct smtp_conn_list all;
	struct smtp_conn_list host[SMTP_IDLE_BUCKETS]; /* by host_link */
	struct smtp_conn_list addr[SMTP_IDLE_BUCKETS]; /* by addr_link */
};

struct deliver_loop {
	struct deliver *deliver; /* borrowed */
	struct loop *loop;       /* borrowed */
	struct dns *dns;         /* borrowed */
	struct buf out; /* of the machine that runs; empty between turns */
	struct smtp_try_list tries;   /* all, but those in WAITING */
	struct smtp_try_list waiting; /* for a place below a ceiling */
	struct smtp_conn_list busy;
	struct smtp_idle idle;
	struct host_memory memory;
	struct maildir_seen *maildirs; /* owned */
	LIST_HEAD(, pipe_try) pipes;
	LIST_HEAD(, endpoint_try) endpoint_tries;
	struct fetcher *fetcher; /* owned; NULL: no agent `web` */
	size_t under_way;        /* tries and tells not yet handed back */
	bool stopping, closed;
	struct post stop;
	struct loop_timer grace;
};

/* Connections, by what they came to; NULL without metrics. */
struct smtp_tls_metrics {
	struct metric_cell *plain, *unverified, *verified, *failed, *refused;
};

struct deliver {
	struct queue *queue;           /* borrowed */
	const struct log_context *log; /* borrowed */
	/* Borrowed; NULL: no agents for this machine. */
	struct pool *disk;
	struct spawner *spawner;
	struct pool *cpu;              /* borrowed; NULL: none */
	struct metric_cell *sent_8bit; /* NULL without metrics */
	struct smtp_tls_metrics tls;
	pthread_mutex_t lock;        /* keeps the two */
	struct routing *routing;     /* a reference */
	struct endpoints *endpoints; /* a reference; NULL: none yet */
	struct slots *slots;         /* owned */
	struct whole_agent *wholes;  /* owned */
	size_t nloops;
	struct deliver_loop *loops; /* owned */
	/* deliver_stop() */
	int64_t grace_ms;
	atomic_size_t open; /* loops not yet closed */
	loop_fn *done;
	void *done_arg;
	struct post done_post;
};

/* The one that is LOOP's. */
struct deliver_loop *deliver_find_loop(struct deliver *d,
				       const struct loop *loop);
/* A reference to the routing of now; from any thread. */
struct routing *deliver_routing(struct deliver *d);
/* The endpoints of now, likewise; NULL: there are none yet. */
struct endpoints *deliver_endpoints(struct deliver *d);
/* A is over, and its outcomes are set: to the queue with it and all of its
 * arena. Takes over the reference ROUTING, by whose soft_bounce what was
 * refused for good waits. Every agent ends here. */
void deliver_hand_back(struct deliver_loop *dl, struct attempt *a,
		       struct routing *routing);
/* For "the stored content ...": what attempt_read() means by this WHY, which is
 * no content. */
const char *deliver_unread(ssize_t why);
/* After a try, tell or connection is over: is the loop's stop complete? */
void deliver_loop_check(struct deliver_loop *dl);

/* --- attempt_route.c ----------------------------------------------------------- */

/* Does RCPT still belong to A's destination? Then by *RET_ROUTE; else its
 * outcome is set: moved, or later while no route is left. */
bool attempt_route_rcpt(struct attempt *a, struct attempt_rcpt *rcpt,
			const struct routing *routing, struct route *ret_route);
/* The queue's router. */
void deliver_look_up(void *ctx, struct loop *loop, struct arena *arena,
		     struct queue_lookup *v, size_t n);

/* --- bounce.c --------------------------------------------------------------- */

/* Say what became of a message, in a DSN to its sender. */
void bounce_tell(struct deliver_loop *dl, struct tell *tell);
/* Was the mail refused for what it holds? */
bool bounce_is_of_content(const struct reply *reply);

/* --- bounce_again.c --------------------------------------------------------- */

/* Consume TELL, if it is of a report that a shorter one can replace. */
bool bounce_again(struct deliver_loop *dl, struct tell *tell);

/* --- maildir_try.c ------------------------------------------------------------ */

/* An attempt of the agent maildir, for one recipient. */
void maildir_try_start(struct deliver_loop *dl, struct attempt *a);
/* Forget which Maildirs were cleaned. */
void maildir_seen_done(struct deliver_loop *dl);

/* --- pipe_try.c ---------------------------------------------------------------- */

/* An attempt of the agent pipe, for one recipient. */
void pipe_try_start(struct deliver_loop *dl, struct attempt *a);
struct pipe_try *pipe_try_next(const struct pipe_try *t);
/* The time of a stop is up: end the program. */
void pipe_try_abort(struct pipe_try *t);

/* --- endpoint_try.c ------------------------------------------------------------- */

/* An attempt of the agent web or exec, for one recipient. */
void endpoint_try_start(struct deliver_loop *dl, struct attempt *a,
			enum endpoint_kind kind);
struct endpoint_try *endpoint_try_next(const struct endpoint_try *t);
/* The time of a stop is up: cancel the request, end the program. */
void endpoint_try_abort(struct endpoint_try *t);

/* --- whole.c ---------------------------------------------------------------------- */

void whole_agents_free(struct deliver *d);

/* --- smtp_try.c --------------------------------------------------------------- */

enum smtp_try_state {
	SMTP_TRY_ROUTE,
	SMTP_TRY_MX,
	SMTP_TRY_HOST_SLOT, /* waits below an entry's `connections` */
	SMTP_TRY_RESOLVE,
	SMTP_TRY_ADDRESS_SLOT, /* waits below `per_address.connections` */
	SMTP_TRY_CONNECT,      /* up to EHLO's reply */
	SMTP_TRY_MAIL,
	SMTP_TRY_OVER, /* waits for the end of a read, then goes back */
};
extern const char *const smtp_try_state_names[];

/* One host that a try may go to. */
struct smtp_host {
	const struct hop *entry; /* of the try's routing: what holds for it */
	const char *name;        /* the entry's, or a mail exchanger's */
	uint16_t preference;
	bool is_mx;    /* found by MX: its own name is not looked up so */
	bool failed;   /* lately */
	bool fallback; /* for when no other can be reached */
};

#define SMTP_KEY_MAX 512

/* Lives in its attempt's arena. */
struct smtp_try {
	TAILQ_ENTRY(smtp_try) link;
	struct deliver_loop *dl; /* borrowed */
	struct attempt *a;       /* owned until handed back */
	struct routing *routing; /* a reference */
	enum smtp_try_state state;
	bool fresh; /* a kept connection broke under it: no other one */
	/* Hosts in the order to try them, addresses of the one at hand. */
	struct smtp_host *hosts;
	size_t nhosts, host_at;
	const struct hop *mx_entry; /* by MX: what stands for the domain */
	struct dns_mx *mx;          /* while their places are not taken */
	size_t nmx, mx_at;
	size_t mx_doubt; /* the first whose address nobody knows now; or NMX */
	size_t mx_addrs; /* of mail exchangers, so far */
	struct sockaddr_any *addrs;
	size_t naddrs, addr_at;
	struct dns_query *query; /* owned */
	struct slot_wait *wait;  /* owned */
	struct slot *hop_slot;   /* owned until a connection takes it over */
	struct smtp_conn *conn;  /* borrowed */
	struct reply last;       /* why the last address or host failed */
	struct reply never;      /* why the mail exchangers take no mail */
	bool later;              /* one of the hosts may take it later */
	/* The content. */
	bool reading; /* attempt_read() is under way */
	bool has_piece;
	const char *piece; /* borrowed from the queue */
	ssize_t piece_len;
	int64_t read_bytes;
};

/* What its failure is remembered by, and its places. */
const char *smtp_host_key(const struct smtp_host *host, char *key, size_t size);
/* Its mail exchangers are still to be found. */
bool smtp_host_is_open(const struct smtp_host *host);

/* An attempt of the agent smtp or lmtp. */
void smtp_try_start(struct deliver_loop *dl, struct attempt *a);
bool smtp_try_is_lmtp(const struct smtp_try *t);
/* The connection answered EHLO: T's mail follows. */
void smtp_try_ready(struct smtp_try *t);
/* Read the next piece, unless one is there; smtp_conn_turn() follows. */
void smtp_try_read(struct smtp_try *t);
/* The piece that is there into SO, and its end. */
void smtp_try_feed(struct smtp_try *t, struct smtp_out *so);
/* Write down who said it, and how it came. */
void smtp_try_note(struct smtp_try *t, const char *relay,
		   const struct attempt_tls *tls);
/* Hand back what is settled. */
void smtp_try_finish(struct smtp_try *t);
/* The connection to RELAY could not carry it, so the next address is tried; WHY
 * is what was said. */
void smtp_try_failed(struct smtp_try *t, const struct reply *why,
		     const char *relay);
/* The handshake failed: the same address once more, in the clear. */
void smtp_try_plain(struct smtp_try *t);
/* A kept connection ended before it began. */
void smtp_try_again(struct smtp_try *t);
/* Go on with the host at hand, an idle connection first. */
void smtp_try_host(struct smtp_try *t);
/* It can't be reached now: the next one. */
void smtp_try_failed_host(struct smtp_try *t, const char *dsn, const char *fmt,
			  ...) __attribute__((format(printf, 3, 4)));
/* By MX: it never takes this mail. Else it is a host that can't be reached.
 * The next one. */
void smtp_try_hopeless(struct smtp_try *t, int code, const char *dsn,
		       const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Back to the queue as it came, unless a mail is under way. */
void smtp_try_give_up(struct smtp_try *t);

/* --- smtp_hosts.c --------------------------------------------------------- */

/* How many of T's recipients still go here, by *RET_ROUTE; the others have
 * their outcome. */
size_t smtp_hosts_route(struct smtp_try *t, struct route *ret_route);
/* T's hosts by ROUTE, what failed lately last. */
void smtp_hosts_init(struct smtp_try *t, const struct route *route);
/* The host at hand is open: its mail exchangers take its place, and
 * smtp_try_host() goes on, or smtp_try_failed_host(), smtp_try_hopeless(). */
void smtp_hosts_ask(struct smtp_try *t);
/* Does ADDR (with its port) lead back to us? */
bool smtp_hosts_is_us(const struct smtp_try *t,
		      const struct sockaddr_any *addr);
/* The host at hand is ourselves: exchangers that are not better go. */
void smtp_hosts_drop_equals(struct smtp_try *t);

/* --- smtp_conn.c ---------------------------------------------------------------- */

struct smtp_conn {
	TAILQ_ENTRY(smtp_conn) link, host_link, addr_link;
	struct deliver_loop *dl; /* borrowed */
	struct io *io;           /* owned */
	struct smtp_out so;
	struct routing *routing; /* a reference: ENTRY and HELO are its */
	const struct hop *entry;
	char *domain; /* owned; by MX: whose mail exchanger it is */
	const char *helo;
	struct sockaddr_any addr, source;  /* source.len 0: any */
	struct slot *addr_slot, *hop_slot; /* owned */
	struct smtp_try *try;              /* borrowed; NULL: none */
	bool connected, idle, quitting, given, turning;
	/* What it must be, and what it is. */
	char *host; /* owned; the name of HELLO's policy */
	struct smtp_hello hello;
	struct attempt_tls tls; /* version NULL: plain */
	/* For what the deadline was set last. */
	unsigned timed_heard;
	enum smtp_out_state timed_state;
	char relay[SMTP_RELAY_MAX]; /* "host[ip]:port", "unix:/path" */
};

/* Connect to ADDR for T; takes over *ADDR_SLOT and T's hop_slot. 0, or -errno
 * with nothing taken. */
int smtp_conn_open(struct smtp_try *t, const struct smtp_host *host,
		   const struct sockaddr_any *addr, struct slot **addr_slot);
/* Give T's mail to an idle connection. */
void smtp_conn_carry(struct smtp_conn *c, struct smtp_try *t);
/* Go on after something happened; C may be gone afterwards. */
void smtp_conn_turn(struct smtp_conn *c);
/* QUIT when it expects a command, and close. Carries no try. */
void smtp_conn_quit(struct smtp_conn *c);
/* The time of a stop is up: close, whatever is under way. */
void smtp_conn_abort(struct smtp_conn *c);
/* Somebody waits for a place of KEY: close an idle connection that holds one.
 */
void smtp_conn_make_room(struct deliver_loop *dl, const char *key);

/* --- smtp_tls.c: TLS and the login of a connection -------------------------------- */

void smtp_tls_metrics_init(struct smtp_tls_metrics *m, struct metrics *metrics);
/* The policy of a new connection, and what its machine is to do by it. */
void smtp_tls_init(struct smtp_conn *c, const struct smtp_try *t,
		   struct smtp_out_conf *conf);
/* The handshake was made. */
void smtp_tls_made(struct smtp_conn *c);
/* The first mail may be given, or C ended before, as c->so says. */
void smtp_tls_note(struct smtp_conn *c);
/* Is T's address one where the handshake failed lately, or is from now on? */
bool smtp_tls_is_bad(const struct smtp_try *t, const struct sockaddr_any *addr);
void smtp_tls_set_bad(struct smtp_try *t, const struct sockaddr_any *addr);

/* --- smtp_idle.c -------------------------------------------------------------- */

void smtp_idle_init(struct smtp_idle *idle);
void smtp_idle_add(struct smtp_idle *idle, struct smtp_conn *c);
void smtp_idle_remove(struct smtp_idle *idle, struct smtp_conn *c);
/* May C carry what T waits for? */
bool smtp_idle_fits(const struct smtp_conn *c, const struct smtp_try *t);
/* An idle connection for HOST of this very routing, or to ADDR with the same
 * name and source address; NULL. */
struct smtp_conn *smtp_idle_find_host(struct smtp_try *t,
				      const struct smtp_host *host);
struct smtp_conn *smtp_idle_find_addr(struct smtp_try *t,
				      const struct smtp_host *host,
				      const struct sockaddr_any *addr);

#endif
