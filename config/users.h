/*
 * users - who may log in: the file that `users_file` names, as a server uses
 * it.
 *
 * It holds hashes and keys that are as good as passwords to whoever breaks
 * them, so it is read as the user who reloads will be, like any secret: not by
 * config_load(), which every program calls. Immutable; from any thread.
 */
#ifndef CONFIG_USERS_H
#define CONFIG_USERS_H

#include "config/config.h"
#include "mail/address.h"
#include "mail/scram.h"
#include "net/sockaddr.h"

enum user_right {
	USER_SUBMIT = 1, /* mail */
	USER_READ = 2,   /* HTTP: figures and alerts */
	USER_ADMIN = 4,  /* HTTP: queue, pause, backup; what READ may, too */
	USER_POST = 8,   /* HTTP: alerts */
	USER_ACT = 16,   /* HTTP: acknowledge, silence, close */
};

/* The listener's class, or one of enum config_class. */
#define USER_CLASS_LISTENER (-1)

struct user {
	const char *name;
	const char *person;   /* of `alerts`; "": none */
	const char *password; /* a hash; "": no login by password */
	bool has_scram;
	struct scram_keys scram;
	struct conf_rate rate; /* of recipients */
	int64_t daily;         /* recipients; 0: no limit */
	int class;
	unsigned rights; /* of enum user_right */
};

struct users;

/* What the file of CONFIG says; no users without one. 0, or -EINVAL with errors
 * in E. CONFIG is not used afterwards. */
int users_load(const struct config *config, struct conf_errors *e,
	       struct users **ret);
/* For `belfry check`, where it is not who will read it: that the file, or a
 * secret it names, can't be read is no mistake unless STRICTLY. */
void users_check(const struct config *config, bool strictly,
		 struct conf_errors *e);
/* From memory, for tests; NAME stands in the errors. */
int users_load_text(const struct config *config, const char *name,
		    const char *text, size_t len, struct conf_errors *e,
		    struct users **ret);
/* NULL is fine. */
void users_free(struct users **u);

/* NULL: there is none. */
const struct user *users_find(const struct users *u, const char *name);
const struct user *users_find_token(const struct users *u, const char *token);
/* The hash of somebody's password, always the same for NAME, whom nobody knows:
 * its check takes as long as theirs who are there. NULL: nobody has one. */
const char *users_hash_like(const struct users *u, const char *name);

/* FINGERPRINT as tls_fingerprint_parse() has it. */
const struct user *users_find_certificate(const struct users *u,
					  const char *fingerprint);
/* Is anybody known by a certificate? */
bool users_have_certificates(const struct users *u);

/* May USER send as ADDRESS? */
bool user_may_send(const struct user *user, const struct address *address);
bool user_has_senders(const struct user *user);
/* May USER log in from PEER (NULL: nobody knows where)? Unix sockets count as
 * loopback. */
bool user_may_come_from(const struct user *user,
			const struct sockaddr_any *peer);

/* The keys of an entry. */
extern const struct conf_table user_conf_table;

#endif
