/*
 * relay - belfryd as a whole: what its parts share.
 *
 * The home loop (loops[0]) is run by the main thread and owns all of this:
 * signals, listening sockets, HTTP and reloads happen there.
 */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include <stdbool.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/metric_program.h"
#include "config/config.h"
#include "deliver/deliver.h"
#include "deliver/verify.h"
#include "net/acceptor.h"
#include "net/dns.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "net/pool.h"
#include "queue/queue.h"
#include "relay/logins.h"
#include "relay/session.h"
#include "relay/snapshot.h"

#define RELAY_EXIT_FAILED 1
#define RELAY_EXIT_STORE  65 /* damaged or lost: starting again won't help */
#define RELAY_EXIT_CONFIG 78

/* How long a stop waits for sessions, and then for deliveries. */
#define RELAY_GRACE_MS 10000

/* Connections at the same time: HTTP over TCP, of the admin socket and of the
 * submit socket. */
#define RELAY_HTTP_CONNECTIONS   200
#define RELAY_ADMIN_CONNECTIONS  100
#define RELAY_SUBMIT_CONNECTIONS 200

struct alerts;
struct certificates;
struct drop;
struct relay;
struct notify;
struct observed;
struct place_owner;
struct ports_passed;
struct watchdog;
struct event;

enum port_kind { PORT_SMTP, PORT_SUBMIT, PORT_HTTP, PORT_ADMIN };
#define PORT_NKIND (PORT_ADMIN + 1)

static inline bool
port_is_mail(enum port_kind kind)
{
	return kind == PORT_SMTP || kind == PORT_SUBMIT;
}

/* A listening address. What the acceptor gets are duplicates, so that a reload
 * can hand them out anew without closing the socket. */
struct port {
	TAILQ_ENTRY(port) entry;
	struct relay *relay; /* borrowed */
	enum port_kind kind;
	char *address; /* owned; "unix:/path" for the sockets */
	char *name;    /* owned; of the service, or the HTTP address */
	char *group;   /* owned; the configured one of PORT_ADMIN; else NULL */
	bool passed;   /* FDS are the service manager's */
	bool silent;   /* makes way for another one that is tried */
	int fds[2];    /* owned */
	size_t nfds;
};
TAILQ_HEAD(port_list, port);

/* What a loop has of its own. */
struct relay_loop {
	struct relay *relay;       /* borrowed */
	struct loop *loop;         /* owned */
	struct dns *dns;           /* owned */
	struct verifier *verifier; /* owned */
	struct sessions *sessions; /* owned */
	struct post post;          /* one message at a time: the stop */
	bool running;              /* in a thread of its own */
};

struct relay {
	const char *conf_path;
	struct clock *clock;
	struct log *log; /* owned */
	struct log_context log_root;
	struct metrics *metrics; /* owned */
	struct smtp_metrics smtp_metrics;
	struct metric_program program_metrics;
	struct snapshot *snapshot;         /* owned reference */
	struct certificates *certificates; /* owned */
	struct config *started;   /* owned reference: what a reload can't
				    * change is still this one's */
	struct port_list ports;   /* owned */
	struct port_list retired; /* owned: loops may still name them */
	size_t nloops;
	struct relay_loop *loops;       /* owned */
	struct loop **loop_ptrs;        /* owned: for those who want a list */
	struct dns **dns_ptrs;          /* owned */
	struct pool *disk;              /* owned */
	struct pool *cpu;               /* owned: hashes of passwords */
	struct logins *logins;          /* owned */
	struct queue *queue;            /* owned */
	struct deliver *deliver;        /* owned */
	struct notify *notify;          /* owned */
	struct mime_charsets *charsets; /* owned */
	struct alerts *alerts;          /* owned */
	struct verify_kept *kept;       /* owned */
	struct rates *rates;            /* owned */
	struct observed *observed;      /* owned */
	/* Each kind has its own, so that no flood of one locks out another:
	 * neither the machine's own mail nor the operator. Owned. */
	struct acceptor *acceptors[PORT_NKIND];
	struct http_server *http;  /* owned */
	struct tally *answered;    /* owned; NULL: nobody, see alert_answer.h */
	struct tally *hooks_rates; /* owned; NULL: no source posted so far */
	struct drop *drop;         /* owned */
	struct ports_passed *passed; /* owned */
	struct watchdog *watchdog;   /* owned; NULL: nobody wants signs */
	struct event *signals;       /* owned */
	struct spawner *spawner;     /* owned */
	struct event *spawner_watch; /* owned */
	int signal_fd;
	bool forwarded_logged; /* the hint on X-Forwarded-For was given */
	bool host_logged;      /* that on the names of a listener */
	bool stopping;
	bool failed;        /* it stops since it can't go on */
	size_t alert_lists; /* of /api/v2 that are being made */
	size_t stops_left;
	int64_t start_ms; /* wall */
};

static inline struct loop *
relay_home(const struct relay *r)
{
	return r->loops[0].loop;
}

static inline const struct config *
relay_config(const struct relay *r)
{
	return r->snapshot->config;
}

/* start.c: everything, from reading the file to the exit code. */
int relay_main(const char *conf_path);
/* Descriptors that belfryd may need with CONFIG. */
uint64_t relay_files(const struct config *config);
/* What of the configuration the queue wants. */
struct queue_conf relay_queue_conf(const struct config *config);
/* Who belfryd becomes. 0 or -errno. */
int relay_owner(const struct config *config, struct place_owner *ret);

/* offline.c */
/* Is it --verify, --salvage or --export? Then *RET is the exit status. */
bool relay_offline(int argc, char **argv, int *ret);

/* stop.c */
/* On the home loop: begin to end; relay_main() returns some time later. */
void relay_stop(struct relay *r);
/* Release all that was made, in whatever state. */
void relay_release(struct relay *r);

/* reload.c: SIGHUP, on the home loop. */
void relay_reload(struct relay *r);
void relay_apply_limits(struct relay *r);

/* ports.c */
/* Bind what CONFIG wants and RELAY has not, drop what is no longer wanted. 1:
 * something changed; 0; or -errno with the address in *RET_ADDRESS (the caller
 * frees it). Nothing is handed out before ports_listen(). */
int ports_apply(struct relay *r, const struct config *config,
		char **ret_address);
/* Hand all of them to the acceptors. */
void ports_listen(struct relay *r);
void ports_close(struct relay *r);

/* ports_passed.c */
/* What the service manager made for us. 0; -ENOTSOCK: one of them is no
 * listening stream socket; other -errno. */
int ports_passed_take(struct relay *r);
void ports_passed_free(struct ports_passed **passed);
/* Those at PORT's address become its own. 1; 0: there is none; -errno. */
int ports_passed_find(struct relay *r, struct port *port);
/* Is there one that no port has? */
bool ports_passed_unused(const struct relay *r,
			 char ret_address[static SOCKADDR_TEXT_MAX]);

/* spawner.c: with one thread; 0 or -errno. Then, on the home loop. */
int relay_spawner_start(struct relay *r);
void relay_spawner_watch(struct relay *r);
void relay_spawner_release(struct relay *r);

/* submit.c: a connection of the submit socket, on any loop. */
void submit_accepted(struct port *port, struct relay_loop *rl,
		     const struct accepted *a);

/* metrics.c */
void relay_metrics_init(struct relay *r);
void relay_metrics_reloaded(struct relay *r, bool ok);

/* http.c */
struct user;
int relay_http_start(struct relay *r);
/* A connection of an HTTP port, on any loop. */
void relay_http_accepted(struct port *port, const struct accepted *a);

#endif
