/*
 * route - where a recipient goes; looked up at each try.
 *
 * Pure, on an immutable snapshot of the configuration: routes (first match),
 * by_sender (first match), by_domain (first match), smarthost, else the mail
 * exchangers of the recipient's domain. At our own domains, and at localhost,
 * there is nobody but who is in routes. A destination has its name without
 * asking the DNS.
 */
#ifndef DELIVER_ROUTE_H
#define DELIVER_ROUTE_H

#include "base/conf.h"
#include "base/secret.h"
#include "deliver/tls_policy.h"
#include "mail/address.h"
#include "net/sockaddr.h"
#include "queue/queue.h"

/* As `tls` and `implicit_tls` are written. */
enum hop_tls {
	HOP_TLS_AUTO,
	HOP_TLS_NONE,
	HOP_TLS_OPPORTUNISTIC,
	HOP_TLS_ENCRYPT,
	HOP_TLS_VERIFY,
};
enum hop_implicit { HOP_IMPLICIT_AUTO, HOP_IMPLICIT_TRUE, HOP_IMPLICIT_FALSE };
/* As `mechanism` is: the first is any, then enum sasl_mechanism. */
#define HOP_MECHANISM_ANY 0

/* One next hop, as everywhere in the configuration. */
struct hop {
	char *name;
	char *host;             /* a name or address, no port, no brackets */
	int64_t port;           /* 0 in the configuration: the usual one */
	bool mx;                /* its mail exchangers, not itself */
	int tls;                /* enum hop_tls */
	int implicit_tls;       /* enum hop_implicit */
	char *ca_file;          /* "": the system's authorities */
	char *certificate_file; /* "": we show none */
	struct secret_conf key; /* of it */
	char *user;             /* "": no login */
	struct secret_conf password, token;
	int mechanism;
	bool allow_plaintext_login;
	char *helo;          /* "": delivery.helo */
	char *bind;          /* "": delivery.bind */
	int64_t connections; /* its own ceiling; 0: none */
	struct conf_mark mark;
	/* Made by routing_arm(). */
	struct tls_client *client;   /* owned */
	struct secret *password_now; /* owned */
	struct smtp_login login;
};
extern const struct conf_table hop_conf_table;
#define HOP_SMTP_PORT  25
#define HOP_LOGIN_PORT 587
#define HOP_TLS_PORT   465 /* implicit by itself */
#define HOP_LMTP_PORT  24

struct hop_list {
	size_t n;
	struct hop *v;
};

struct delivery_timeouts {
	int64_t connect_ms, banner_ms, command_ms, data_ms, after_dot_ms;
};

/* Which addresses of a host are tried. */
enum delivery_prefer {
	PREFER_ANY,  /* as the resolver has them */
	PREFER_IPV4, /* first */
	PREFER_IPV6,
	PREFER_IPV4_ONLY,
};

/* How far the mail exchangers of a domain are tried. */
struct delivery_mx_conf {
	int64_t hosts, addresses, port;
};

struct delivery_conf {
	struct conf_list smarthost; /* of struct hop */
	struct conf_list by_sender; /* of struct delivery_rule */
	struct conf_list by_domain; /* of struct delivery_rule */
	struct queue_retry_conf retry;
	int64_t lifetime_ms;
	int64_t warn_after_ms; /* 0: never */
	struct {
		int64_t max_size;
	} dsn;
	int64_t connections;
	struct queue_destination_conf per_destination;
	struct {
		int64_t connections;
	} per_address;
	struct delivery_timeouts timeouts;
	struct delivery_mx_conf mx;
	struct conf_list fallback; /* of struct hop: when no other is there */
	int prefer;                /* enum delivery_prefer */
	bool soft_bounce;          /* what is refused for good waits */
	bool strict_8bit;
	bool chunking;
	char *helo;
	struct conf_strings only_recipients; /* patterns; empty: all */
	struct conf_strings bind; /* source addresses, at most one a family */
};
extern const struct conf_table delivery_conf_table;

struct delivery_rule {
	char *match;
	struct conf_list via;    /* of struct hop */
	struct pattern *pattern; /* compiled by routing_new */
	struct conf_mark mark;
};

/* What it is made of. */
struct routing_sources {
	const struct delivery_conf *delivery;
	const struct conf_list *routes; /* of struct route_rule */
	const char *hostname;
	char delimiter; /* between name and extension; '\0': none */
	/* What is ours, and who is who there; NULL is nothing. */
	const struct conf_strings *domains;
	const char *origin;     /* completes bare names; NULL, "": HOSTNAME */
	const char *postmaster; /* "": none */
	const struct conf_map *aliases, *file_aliases;
};

/* The compiled snapshot: a copy, so that FROM may go. Immutable; reference
 * counted, any thread. 0, or -EINVAL with at least one error in ERRORS. */
struct dkim_keys;
struct routing;
int routing_new(const struct routing_sources *from, struct conf_errors *errors,
		struct routing **ret_routing);
/* Read the secrets and certificates of all next hops; before anybody else has R.
 * As the user who connects: not for who only looks at a configuration, and a
 * routing that no mail leaves by needs it not. 0, or -EINVAL with at least one
 * error in ERRORS; warnings may be there in either case. */
int routing_arm(struct routing *r, enum secrets_mode mode,
		struct conf_errors *errors);
/* The same look for `belfry check`; STRICTLY: as who will connect. */
void routing_look(struct routing *r, enum secrets_mode mode, bool strictly,
		  struct conf_errors *errors);
/* Warn of what leaves by a fallback with less TLS than its own hosts ask for,
 * where the fallback does not say so itself. */
void routing_check_fallback(const struct routing *r,
			    struct conf_errors *errors);
/* What a connection to HOST of HOP must be; its name is borrowed. */
struct tls_policy routing_tls(const struct hop *hop, const char *host);
/* NULL: without a login. */
const struct smtp_login *routing_login(const struct hop *hop);
/* Is a connection to the one as good for the other? */
bool hop_same_session(const struct hop *a, const struct hop *b);
/* Are they written alike, names aside? */
bool hop_same(const struct hop *a, const struct hop *b);

/* Where we listen ourselves, a copy; before anybody else has R. */
void routing_set_listens(struct routing *r, const struct sockaddr_any *v,
			 size_t n);
/* Is there a listener at PORT of any address? At exactly this address and port;
 * *RET_ANY: one that takes every address of this host. */
bool routing_listens_on_port(const struct routing *r, int port);
bool routing_listens_at(const struct routing *r,
			const struct sockaddr_any *addr, bool *ret_any);
/* Who signs what we write ourselves, by reference; before anybody else has R. */
void routing_set_keys(struct routing *r, struct dkim_keys *keys);
/* NULL: nobody does. */
struct dkim_keys *routing_keys(const struct routing *r);
struct routing *routing_ref(struct routing *r);
void routing_unref(struct routing **r);
/* A fingerprint of all that says where a recipient goes: where two are equal
 * every recipient goes the same way. Also across restarts. */
#define ROUTING_PRINT_LEN QUEUE_ROUTES_LEN
const unsigned char *routing_print(const struct routing *r);
const struct delivery_conf *routing_conf(const struct routing *r);
const char *routing_hostname(const struct routing *r);
const char *routing_origin(const struct routing *r);
/* One of `domains`: of its recipients only aliases and `routes` know. */
bool routing_is_ours(const struct routing *r, const char *domain);
char routing_delimiter(const struct routing *r);
/* What HOP says in EHLO: its own, the section's, or our host name. */
const char *routing_helo(const struct routing *r, const struct hop *hop);
/* The source address for FAMILY; false when none is configured. */
bool routing_bind(const struct routing *r, const struct hop *hop, int family,
		  struct sockaddr_any *ret);
/* V by delivery.prefer, into RET, which has room for N; how many they are. */
size_t routing_prefer(const struct routing *r, const struct sockaddr_any *v,
		      size_t n, struct sockaddr_any *ret);

struct route {
	const char *agent; /* "smtp", ... */
	const char *dest;  /* the list's name: its first entry's name, else all
			    * its host:port joined by ","; by MX the domain */
	const char *rule;  /* "smarthost", "mx" or the pattern that matched */
	bool mx;           /* by the mail exchangers of DEST, which is the
			    * recipient's domain; HOPS is one that stands for
			    * all of them and has no host */
	/* Borrowed from the routing. */
	const struct hop *hops;
	size_t nhops;
	const struct route_rule *entry; /* of `routes`; else NULL */
};

/* Where the alerts of this machine's programs are submitted to: no domain that
 * mail can be for. */
#define ROUTE_ALERT_DOMAIN "alerts.belfry.invalid"

/* SENDER "" is the null path. DEST may be RCPT's domain: it lives as long. 0,
 * -ENOENT: nobody at a domain of ours, or no domain at all; -EACCES: not in
 * only_recipients. */
int route_find(const struct routing *r, const char *sender,
	       const struct address *rcpt, struct route *ret_route);
/* Is the endpoint NAME of a receiver not in only_recipients? */
bool route_is_endpoint_held(const struct routing *r, const char *name);

#endif
