/*
 * logins - what belfryd remembers of those who log in, and the checks of their
 * passwords.
 *
 * One for all loops, since a guesser comes over all of them: failures by
 * address, by user and by both together, and how much each user sent. One lock,
 * held for a few instructions; what is remembered has a ceiling, and the
 * longest untouched goes first, failures before who is known. Passwords are
 * hashed in the CPU pool, whose queue is bounded. Thread-safe.
 */
#ifndef RELAY_LOGINS_H
#define RELAY_LOGINS_H

#include "config/users.h"
#include "net/loop.h"
#include "net/pool.h"

/* Failures in LOGINS_WINDOW_MS, from which on no other try is looked at. */
#define LOGINS_WINDOW_MS   (INT64_C(10) * 60 * 1000)
#define LOGINS_PER_ADDRESS 20
#define LOGINS_PER_USER    100
#define LOGINS_PER_PAIR    10
/* So long the failures of others don't concern a user who logged in from there.
 */
#define LOGINS_KNOWN_MS (INT64_C(7) * 24 * 60 * 60 * 1000)
#define LOGINS_KEPT     65536
/* The answer to a failure waits, from 1 s on, twice as long each time. */
#define LOGINS_DELAY_MS     1000
#define LOGINS_DELAY_MAX_MS 8000

struct logins;

#define LOGINS_SECRET_LEN 32

/* SECRET: LOGINS_SECRET_LEN bytes, copied. */
struct logins *logins_new(struct pool *cpu, const void *secret);
/* When no check is under way. NULL is fine. */
void logins_free(struct logins **l);
/* The secret in the file PATH, made when it isn't there. 0 or -errno. */
int logins_read_secret(const char *path, uint8_t ret[static LOGINS_SECRET_LEN]);

/* --- failures; NOW is monotonic ------------------------------------------------ */

/* May PEER be heard as USER, or were there too many failures? */
bool logins_may_try(struct logins *l, const struct sockaddr_any *peer,
		    const char *user, int64_t now);
/* A failure of USER (NULL: unknown who) from PEER; returns for how long to keep
 * the answer back. */
int64_t logins_failed(struct logins *l, const struct sockaddr_any *peer,
		      const char *user, int64_t now);
void logins_succeeded(struct logins *l, const struct sockaddr_any *peer,
		      const char *user, int64_t now);
/* SOURCE of alerts showed from PEER, by its token or a signature, that it is it:
 * for LOGINS_KNOWN_MS failures from there don't concern it. Services post for
 * all of their customers from the same addresses. */
void logins_source_showed(struct logins *l, const struct sockaddr_any *peer,
			  const char *source, int64_t now);
bool logins_knows_source(struct logins *l, const struct sockaddr_any *peer,
			 const char *source, int64_t now);
/* How many are remembered, for tests. */
size_t logins_count(struct logins *l);

/* --- what a user sends ----------------------------------------------------------- */

enum logins_quota { LOGINS_QUOTA_OK, LOGINS_QUOTA_RATE, LOGINS_QUOTA_DAILY };
/* One recipient more of USER, who has a limit; counted when it is OK. */
enum logins_quota logins_take(struct logins *l, const struct user *user,
			      int64_t now);

/* --- checks ------------------------------------------------------------------------ */

/* What a check needs to know. All is copied, or read within the call. */
struct logins_ask {
	const struct sockaddr_any *peer;
	const char *name;        /* who it says it is */
	const struct user *user; /* that is NULL: nobody, which takes as long */
	const char *like;        /* a hash that takes as long, or NULL */
	const char *password;
	int64_t now;
};

enum logins_said {
	LOGINS_MATCHES, /* nothing is counted: logins_succeeded() or _failed() */
	LOGINS_WRONG,   /* counted; keep the answer back for DELAY_MS */
	LOGINS_LIMITED, /* not looked at: the failures became too many */
};
/* On LOOP, with what HANDLE stands for; never when that is gone. */
typedef void logins_fn(void *object, enum logins_said said, int64_t delay_ms);

/* So many checks may wait or be made at once; the pool has room for others. */
#define LOGINS_CHECKS 64

/* Does the password belong to the user? 0, or -EAGAIN when too many are asked
 * for, or the pool is full.
 *
 * Those that wait in the pool were all let in before any of them failed, so the
 * failures are looked at again where one is hashed, and one more is counted
 * there, whether or not the client waits for the answer: more than the limits
 * allow are only those that other threads of the pool are just at. */
int logins_check(struct logins *l, const struct logins_ask *ask,
		 struct loop *loop, uint64_t handle, logins_fn *fn);

/* The keys of USER for SCRAM; NULL: those that NAME, whom nobody knows, will
 * always have. */
void logins_scram(const struct logins *l, const struct user *user,
		  const char *name, struct scram_keys *ret);
/* RET, of NAME, looks as it did, but no proof is good for it. */
void logins_scram_never(const struct logins *l, const char *name,
			struct scram_keys *ret);

#endif
