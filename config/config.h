/*
 * config - the whole configuration file, as the programs see it.
 *
 * config_load() reads the file through the tables of the sections, checks what
 * spans sections and resolves what is written short (networks by name, `auto`,
 * percentages). The result is an immutable snapshot: sessions share it by
 * reference count, from any thread, and a reload makes a new one. Everything
 * inside belongs to the snapshot.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "alert/alerts_conf.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/secret.h"
#include "deliver/route.h"
#include "deliver/routes_conf.h"
#include "net/dns.h"
#include "net/sockaddr.h"
#include "queue/queue.h"
#include "verdict/verdict_conf.h"

/* Where programs look without -c. */
#define CONFIG_PATH "/etc/belfry/belfry.yaml"

enum config_role { CONFIG_SUBMISSION, CONFIG_INBOUND };
extern const char *const config_role_names[];

enum config_tls {
	CONFIG_TLS_NONE,
	CONFIG_TLS_STARTTLS, /* for who asks for it */
	CONFIG_TLS_REQUIRED, /* ... and no mail without */
	CONFIG_TLS_IMPLICIT, /* from the first byte on */
};
extern const char *const config_tls_names[];

enum config_auth {
	CONFIG_AUTH_NONE,
	CONFIG_AUTH_OPTIONAL,
	CONFIG_AUTH_REQUIRED
};
extern const char *const config_auth_names[];

/* The class that a listener's messages get: by their Precedence and List-
 * fields, or always the same. */
enum config_class {
	CONFIG_CLASS_BY_HEADER,
	CONFIG_CLASS_NORMAL,
	CONFIG_CLASS_BULK,
};
extern const char *const config_class_names[];

/* What is thought of inbound mail of strangers. */
enum config_verdict {
	CONFIG_VERDICT_EVALUATE,
	CONFIG_VERDICT_TRUSTED, /* what a trusted_authserv says */
	CONFIG_VERDICT_NONE,
};
extern const char *const config_verdict_names[];

/* Who needs no other login: a certificate of CA_FILE (with one of NAMES, if
 * there are some), or one of FINGERPRINTS. */
struct client_certificates_conf {
	struct conf_text ca_file; /* "": none */
	struct conf_strings names;
	struct conf_strings fingerprints; /* as tls_fingerprint_parse() */
};

struct listener_conf {
	char *name; /* label of the metrics; never empty once loaded */
	char *address;
	int role; /* enum config_role */
	int tls;  /* enum config_tls */
	struct client_certificates_conf clients;
	int class; /* enum config_class */
	int auth;  /* enum config_auth */
	bool auth_in_clear;
	struct conf_strings trust;
	struct network_list trusted; /* TRUST, resolved */
	struct conf_strings proxy;
	struct network_list proxies; /* PROXY, resolved */
	struct conf_strings xclient, xforward;
	struct network_list xclients, xforwards; /* these, resolved */
	int verdict; /* enum config_verdict; of role inbound */
	bool sign;
	struct conf_mark mark;
};

/* Is mail of strangers judged there? */
static inline bool
config_judges(const struct listener_conf *l)
{
	return l->role == CONFIG_INBOUND && l->verdict != CONFIG_VERDICT_NONE;
}

/* Does it ask clients for a certificate? */
bool config_asks_clients(const struct listener_conf *l);

struct tls_pair_conf {
	struct conf_text certificate_file; /* "": none */
	struct secret_conf key;
	struct conf_mark mark;
};

struct tls_conf {
	struct tls_pair_conf first;
	struct conf_list more; /* of struct tls_pair_conf */
	int min_version;       /* enum tls_version */
	struct conf_mark mark;
};

/* What an HTTP listener serves, as bits of `serves`. */
enum config_serve {
	CONFIG_SERVE_API = 1,
	CONFIG_SERVE_METRICS = 2,
	CONFIG_SERVE_ALERTS = 4,
};

struct http_conf {
	char *address;
	struct conf_strings serve, trust, names, proxy;
	unsigned serves;                      /* SERVE, resolved */
	struct network_list trusted, proxies; /* TRUST and PROXY, resolved */
	struct conf_mark mark;
};

/* How often, of an address, of a network (sockaddr_network()) and of a user. */
struct rates_conf {
	struct conf_rate connections_per_ip, connections_per_network;
	struct conf_rate messages_per_ip, messages_per_network;
	struct conf_rate messages_per_user;
	struct conf_rate recipients_per_ip, recipients_per_network;
	struct conf_rate recipients_per_user;
};

struct limits_conf {
	int64_t message_size; /* bytes */
	int64_t header_size;
	int64_t text_line; /* these two with CRLF */
	int64_t command_line;
	int64_t recipients;
	int64_t connections;
	int64_t connections_per_ip;
	int64_t messages_per_connection;
	int64_t errors;
	int64_t unknown_recipients;
	int64_t command_time_ms;
	int64_t banner_delay_ms;
	int64_t data_rate_min; /* bytes per second; 0: none */
	int64_t received_fields;
	struct rates_conf rates;
	struct conf_mark mark;
};

/* Other addresses for the senders of submitted mail. */
struct rewrite_rule {
	char *match;
	char *from, *sender, *envelope; /* "": stays */
	struct conf_mark mark;
};

/* The label of what comes through the submit socket; no listener's name. */
#define CONFIG_SUBMIT_NAME "submit"

/* What the postmaster is told of, as bits of `kinds`. */
enum config_notify {
	CONFIG_NOTIFY_DOUBLE_BOUNCE,
	CONFIG_NOTIFY_PROTOCOL,
	CONFIG_NOTIFY_STORE,
};
#define CONFIG_NNOTIFY 3

struct notify_conf {
	struct conf_strings postmaster;
	unsigned kinds; /* POSTMASTER, resolved */
};

/* Limits of the drop folder. */
struct drop_conf {
	int64_t messages, bytes; /* of a user and hour */
	int64_t keep_bad_ms;
};

/* A private key, and its name in the DNS. */
struct dkim_selector_conf {
	char *name;
	struct secret_conf key;
	struct conf_mark mark;
};

/* Who signs with which keys; see config/dkim_load.h. */
struct dkim_rule_conf {
	char *match;
	char *domain;               /* "": that of MATCH */
	struct conf_list selectors; /* of struct dkim_selector_conf */
	struct conf_mark mark;
};

struct dkim_conf {
	struct conf_list sign; /* of struct dkim_rule_conf */
};

/* Whose mail belfry-milter signs. */
struct milter_ours_conf {
	struct conf_strings networks;
	struct network_list clients; /* NETWORKS, resolved */
	bool authenticated;
	struct conf_strings daemons;
};

struct milter_conf {
	char *user; /* "": stay the caller */
	char *socket;
	char *socket_group; /* "": that of the user */
	char *socket_mode_text;
	unsigned socket_mode; /* SOCKET_MODE_TEXT, resolved */
	char *http;           /* "": none */
	struct log_conf log;
	bool sign;
	int64_t sessions;
	char *observed_dir;
	struct milter_ours_conf ours;
	struct conf_mark mark;
};

struct config {
	char *hostname;
	struct conf_map networks;
	char *state_dir;
	char *admin_socket;
	char *admin_group;
	char *submit_socket;
	char *drop_dir; /* never empty once loaded */
	struct drop_conf drop;
	char *user;     /* "": stay the caller */
	char *loops;    /* as written */
	int64_t nloops; /* LOOPS, resolved: at least 1 */
	struct secrets_conf secrets;
	struct tls_conf tls;
	struct log_conf log;
	struct queue_store_conf store;
	struct notify_conf notify;
	int64_t store_reserve; /* STORE.reserve in bytes */
	struct dns_conf dns;
	struct conf_text
		users_file;         /* "": nobody logs in; see config/users.h */
	struct conf_list listeners; /* of struct listener_conf */
	struct conf_list http;      /* of struct http_conf */
	struct limits_conf limits;
	struct conf_strings domains;
	char *origin;              /* "": HOSTNAME */
	char *postmaster;          /* "": none; required with domains */
	char *recipient_delimiter; /* one character, or "" */
	char *aliases_file;        /* "": none */
	struct conf_map aliases;
	struct conf_map file_aliases; /* what ALIASES_FILE said */
	struct conf_list rewrite;     /* of struct rewrite_rule */
	struct conf_list routes;      /* of struct route_rule */
	struct delivery_conf delivery;
	struct dkim_conf dkim;
	struct verdict_conf verdict;
	struct milter_conf milter;
	struct alerts_conf alerts;
	struct conf_mark mark;
};

extern const struct conf_table config_table;

/* Read and check PATH. 0 with a reference for the caller in *RET, or -EINVAL
 * with at least one error in E. Warnings may be in E in either case. */
int config_load(const char *path, struct config **ret, struct conf_errors *e);
/* For belfry-milter: what belongs to belfryd alone is read, and neither followed
 * nor checked as a whole, so that no secret or certificate of it needs to be
 * there. */
int config_load_milter(const char *path, struct config **ret,
		       struct conf_errors *e);
/* The same from memory, for tests; NAME stands in the errors. */
int config_load_text(const char *name, const char *text, size_t len,
		     struct config **ret, struct conf_errors *e);
/* A check of a field `origin`, also in other files. */
bool config_check_origin(void *field, const struct conf_mark *mark,
			 struct conf_errors *errors);
/* Why users can't leave mail in the drop folder, and what mends it; NULL: they
 * can, as far as this process sees. The caller frees it. */
char *config_drop_closed(const struct config *c);
/* Is there a section `milter`? */
bool config_has_milter(const struct config *c);
struct config *config_ref(struct config *c);
/* Leaves NULL. */
void config_unref(struct config **c);

/* What routing_new() wants of C. */
struct routing_sources config_routing(const struct config *c);

static inline const struct listener_conf *
config_listener(const struct config *c, size_t i)
{
	return (const struct listener_conf *)c->listeners.v + i;
}

static inline const struct http_conf *
config_http(const struct config *c, size_t i)
{
	return (const struct http_conf *)c->http.v + i;
}

#endif
