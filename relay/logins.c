#include "relay/logins.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>

#include "base/must.h"
#include "base/password.h"
#include "base/rate.h"
#include "base/xalloc.h"

#define CHECK_NICE 10
#define DAY_MS     (INT64_C(24) * 60 * 60 * 1000)

/* A key is a letter (address, user, pair, source), 16 bytes of the address where
 * it has one, and a digest of the user or the source where it has one. */
#define TRY_KEY_LEN (1 + 16 + 32)

/* The failures of an address, a user or both. */
struct
try {
	UT_hash_handle hh;
	TAILQ_ENTRY(try) entry;
	uint8_t key[TRY_KEY_LEN];
	int64_t failures;
	int64_t since;       /* of the first one that counts */
	int64_t known_until; /* of a pair that logged in; 0: never */
};
TAILQ_HEAD(try_list, try);

struct try_order {
	struct try_list list; /* the longest untouched first */
	size_t n;
};

/* What a user with a limit sent. */
struct sent {
	UT_hash_handle hh;
	char *name; /* owned */
	struct rate rate, daily;
};

struct logins {
	struct pool *cpu; /* borrowed */
	uint8_t secret[LOGINS_SECRET_LEN];
	pthread_mutex_t lock; /* of all below */
	struct try *tries;    /* hash; owned */
	/* Who logged in from where, and all else. */
	struct try_order known, strange;
	struct sent *sent; /* hash; owned */
	size_t checks;     /* under way */
};

struct logins *
logins_new(struct pool *cpu, const void *secret)
{
	struct logins *l = xcalloc(1, sizeof(*l));

	l->cpu = cpu;
	memcpy(l->secret, secret, sizeof(l->secret));
	pthread_mutex_init(&l->lock, NULL);
	TAILQ_INIT(&l->known.list);
	TAILQ_INIT(&l->strange.list);
	return l;
}

static void
try_leave(struct logins *l, struct try *t)
{
	struct try_order *order = t->known_until != 0 ? &l->known : &l->strange;

	TAILQ_REMOVE(&order->list, t, entry);
	order->n--;
}

/* The last in its order. */
static void
try_join(struct logins *l, struct try *t)
{
	struct try_order *order = t->known_until != 0 ? &l->known : &l->strange;

	TAILQ_INSERT_TAIL(&order->list, t, entry);
	order->n++;
}

/* Those who are known make room for others only when they are the most: else a
 * stranger had only to fail often enough for them to be forgotten. */
static void
try_drop_oldest(struct logins *l)
{
	bool strange = l->strange.n >= l->known.n;
	struct try *t =
		TAILQ_FIRST(strange ? &l->strange.list : &l->known.list);

	try_leave(l, t);
	HASH_DEL(l->tries, t);
	free(t);
}

void
logins_free(struct logins **lp)
{
	struct logins *l = lp != NULL ? *lp : NULL;
	struct sent *s, *next;

	if (l == NULL)
		return;
	*lp = NULL;
	while (l->tries != NULL)
		try_drop_oldest(l);
	HASH_ITER(hh, l->sent, s, next)
	{
		HASH_DEL(l->sent, s);
		free(s->name);
		free(s);
	}
	pthread_mutex_destroy(&l->lock);
	password_wipe(l->secret, sizeof(l->secret));
	free(l);
}

/* --- the secret ------------------------------------------------------------------- */

static int
secret_make(const char *path, uint8_t ret[static LOGINS_SECRET_LEN])
{
	char *tmp = xasprintf("%s.tmp", path);
	int fd, r = 0;

	if (RAND_bytes(ret, LOGINS_SECRET_LEN) != 1)
		r = -EIO;
	fd = r == 0 ? open(tmp,
			   O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
				   O_NOFOLLOW,
			   0600)
		    : -1;
	if (r == 0 && fd < 0)
		r = -errno;
	if (r == 0 && write(fd, ret, LOGINS_SECRET_LEN) != LOGINS_SECRET_LEN)
		r = -EIO;
	if (r == 0 && (fsync(fd) < 0 || rename(tmp, path) < 0))
		r = -errno;
	if (fd >= 0)
		close(fd);
	free(tmp);
	return r;
}

int
logins_read_secret(const char *path, uint8_t ret[static LOGINS_SECRET_LEN])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? secret_make(path, ret) : -errno;
	n = read(fd, ret, LOGINS_SECRET_LEN);
	close(fd);
	/* Half a one, by whatever: a new one is as good. */
	return n == LOGINS_SECRET_LEN ? 0 : secret_make(path, ret);
}

/* --- failures --------------------------------------------------------------------- */

/* PEER and USER may each be NULL. Unix sockets are all one address. */
static void
try_key(char kind, const struct sockaddr_any *peer, const char *user,
	uint8_t ret[static TRY_KEY_LEN])
{
	memset(ret, 0, TRY_KEY_LEN);
	ret[0] = (uint8_t)kind;
	if (peer != NULL)
		sockaddr_site(peer, ret + 1);
	if (user != NULL)
		EVP_Digest(user, strlen(user), ret + 1 + 16, NULL, EVP_sha256(),
			   NULL);
}

static struct try *
try_find(struct logins *l, char kind, const struct sockaddr_any *peer,
	 const char *user)
{
	uint8_t key[TRY_KEY_LEN];
	struct try *t;

	try_key(kind, peer, user, key);
	HASH_FIND(hh, l->tries, key, TRY_KEY_LEN, t);
	return t;
}

/* Found or new; in no order. */
static struct try *
try_take(struct logins *l, char kind, const struct sockaddr_any *peer,
	 const char *user)
{
	struct try *t = try_find(l, kind, peer, user);

	if (t != NULL) {
		try_leave(l, t);
		return t;
	}
	if (HASH_COUNT(l->tries) >= LOGINS_KEPT)
		try_drop_oldest(l);
	t = xcalloc(1, sizeof(*t));
	try_key(kind, peer, user, t->key);
	HASH_ADD(hh, l->tries, key, TRY_KEY_LEN, t);
	return t;
}

static int64_t
try_failures(const struct try *t, int64_t now)
{
	return t != NULL && now < t->since + LOGINS_WINDOW_MS ? t->failures : 0;
}

static int64_t
try_count(struct logins *l, char kind, const struct sockaddr_any *peer,
	  const char *user, int64_t now)
{
	struct try *t = try_take(l, kind, peer, user);

	try_join(l, t);
	if (try_failures(t, now) == 0) {
		t->failures = 0;
		t->since = now;
	}
	return ++t->failures;
}

bool
logins_may_try(struct logins *l, const struct sockaddr_any *peer,
	       const char *user, int64_t now)
{
	const struct try *pair, *address, *named;
	bool may;

	pthread_mutex_lock(&l->lock);
	pair = try_find(l, 'p', peer, user);
	address = try_find(l, 'a', peer, NULL);
	named = try_find(l, 'u', NULL, user);
	if (try_failures(pair, now) >= LOGINS_PER_PAIR)
		may = false;
	else if (pair != NULL && pair->known_until > now)
		may = true;
	else
		may = try_failures(address, now) < LOGINS_PER_ADDRESS &&
		      try_failures(named, now) < LOGINS_PER_USER;
	pthread_mutex_unlock(&l->lock);
	return may;
}

int64_t
logins_failed(struct logins *l, const struct sockaddr_any *peer,
	      const char *user, int64_t now)
{
	int64_t delay = LOGINS_DELAY_MS, failures;

	pthread_mutex_lock(&l->lock);
	failures = try_count(l, 'a', peer, NULL, now);
	if (user != NULL) {
		try_count(l, 'u', NULL, user, now);
		try_count(l, 'p', peer, user, now);
	}
	pthread_mutex_unlock(&l->lock);
	while (--failures > 0 && delay < LOGINS_DELAY_MAX_MS)
		delay *= 2;
	return delay;
}

static void
try_known(struct logins *l, char kind, const struct sockaddr_any *peer,
	  const char *user, int64_t now)
{
	struct try *t;

	pthread_mutex_lock(&l->lock);
	t = try_take(l, kind, peer, user);
	t->failures = 0;
	t->known_until = now + LOGINS_KNOWN_MS;
	try_join(l, t);
	pthread_mutex_unlock(&l->lock);
}

void
logins_succeeded(struct logins *l, const struct sockaddr_any *peer,
		 const char *user, int64_t now)
{
	try_known(l, 'p', peer, user, now);
}

void
logins_source_showed(struct logins *l, const struct sockaddr_any *peer,
		     const char *source, int64_t now)
{
	try_known(l, 's', peer, source, now);
}

bool
logins_knows_source(struct logins *l, const struct sockaddr_any *peer,
		    const char *source, int64_t now)
{
	const struct try *t;
	bool known;

	pthread_mutex_lock(&l->lock);
	t = try_find(l, 's', peer, source);
	known = t != NULL && t->known_until > now;
	pthread_mutex_unlock(&l->lock);
	return known;
}

size_t
logins_count(struct logins *l)
{
	size_t n;

	pthread_mutex_lock(&l->lock);
	n = HASH_COUNT(l->tries);
	pthread_mutex_unlock(&l->lock);
	return n;
}

/* --- what a user sends --------------------------------------------------------------- */

/* As many as the users file has names with a limit, at most. */
static struct sent *
sent_of(struct logins *l, const char *name)
{
	struct sent *s;

	HASH_FIND_STR(l->sent, name, s);
	if (s != NULL)
		return s;
	s = xcalloc(1, sizeof(*s));
	s->name = xstrdup(name);
	HASH_ADD_KEYPTR(hh, l->sent, s->name, strlen(s->name), s);
	return s;
}

enum logins_quota
logins_take(struct logins *l, const struct user *user, int64_t now)
{
	const struct conf_rate daily = {.n = user->daily, .period_ms = DAY_MS};
	enum logins_quota quota = LOGINS_QUOTA_OK;
	struct sent *s;

	pthread_mutex_lock(&l->lock);
	s = sent_of(l, user->name);
	if (user->rate.n > 0 &&
	    rate_opens(&s->rate, &user->rate, user->rate.n, now) > now)
		quota = LOGINS_QUOTA_RATE;
	else if (user->daily > 0 &&
		 rate_opens(&s->daily, &daily, daily.n, now) > now)
		quota = LOGINS_QUOTA_DAILY;
	if (quota == LOGINS_QUOTA_OK && user->rate.n > 0)
		rate_count(&s->rate, &user->rate, now);
	if (quota == LOGINS_QUOTA_OK && user->daily > 0)
		rate_count(&s->daily, &daily, now);
	pthread_mutex_unlock(&l->lock);
	return quota;
}

/* --- checks ---------------------------------------------------------------------------- */

/* No password has this hash: it is there for the time that it takes, where
 * nobody has one. */
static const char nobody[] = "$y$j9T$nFrf4QjyMwxBUmhT7GB2G1$"
			     "Fq0Xd/iYo88KPt892ziUlndeDRqHjx7f0GobjThJdc1";

struct check {
	struct pool_job job;
	struct logins *logins; /* borrowed */
	struct loop *loop;     /* borrowed */
	uint64_t handle;
	logins_fn *fn;
	struct sockaddr_any peer;
	char *name, *hash, *password; /* owned */
	bool somebody;
	int64_t now;
	enum logins_said said;
	int64_t delay_ms;
};

/* Mail goes before guesses: a thread that only hashes gives way. */
static void
check_give_way(void)
{
	static _Thread_local bool gives_way;

	if (!gives_way)
		setpriority(PRIO_PROCESS, (id_t)gettid(), CHECK_NICE);
	gives_way = true;
}

/* May one more be made? What strangers ask for takes no place of other work. */
static bool
check_begin(struct logins *l)
{
	bool may;

	pthread_mutex_lock(&l->lock);
	may = l->checks < LOGINS_CHECKS;
	l->checks += may;
	pthread_mutex_unlock(&l->lock);
	return may;
}

static void
check_end(struct logins *l)
{
	pthread_mutex_lock(&l->lock);
	l->checks--;
	pthread_mutex_unlock(&l->lock);
}

static void
check_run(void *arg)
{
	struct check *c = arg;

	check_give_way();
	if (!logins_may_try(c->logins, &c->peer, c->name, c->now)) {
		c->said = LOGINS_LIMITED;
	} else if (password_matches(c->hash, c->password) && c->somebody) {
		c->said = LOGINS_MATCHES;
	} else {
		c->said = LOGINS_WRONG;
		c->delay_ms =
			logins_failed(c->logins, &c->peer, c->name, c->now);
	}
	check_end(c->logins);
}

static void
check_free(struct check *c)
{
	password_wipe(c->password, strlen(c->password));
	free(c->password);
	free(c->hash);
	free(c->name);
	free(c);
}

static void
check_done(void *arg)
{
	struct check *c = arg;
	void *object = loop_handle_find(c->loop, c->handle);

	if (object != NULL)
		c->fn(object, c->said, c->delay_ms);
	check_free(c);
}

int
logins_check(struct logins *l, const struct logins_ask *ask, struct loop *loop,
	     uint64_t handle, logins_fn *fn)
{
	struct check *c;
	int r;

	if (!check_begin(l))
		return -EAGAIN;
	c = xcalloc(1, sizeof(*c));
	c->logins = l;
	c->loop = loop;
	c->handle = handle;
	c->fn = fn;
	c->peer = *ask->peer;
	c->now = ask->now;
	c->somebody = ask->user != NULL && ask->user->password[0] != '\0';
	c->name = xstrdup(ask->name);
	c->hash = xstrdup(c->somebody         ? ask->user->password
			  : ask->like != NULL ? ask->like
					      : nobody);
	c->password = xstrdup(ask->password);
	r = pool_run(l->cpu, &c->job, check_run, loop, check_done, c);
	if (r < 0) {
		check_end(l);
		check_free(c);
	}
	return r;
}

/* --- SCRAM ------------------------------------------------------------------------------- */

/* LEN bytes that nobody else can tell from random ones, the same at each call. */
static void
logins_made_up(const struct logins *l, char what, const char *name, int len,
	       char ret[static SCRAM_BASE64_MAX])
{
	size_t size = strlen(name) + 2;
	unsigned char *text = xcalloc(1, size);
	uint8_t out[EVP_MAX_MD_SIZE];

	text[0] = (unsigned char)what;
	memcpy(text + 1, name, size - 2);
	must(HMAC(EVP_sha256(), l->secret, LOGINS_SECRET_LEN, text, size - 1,
		  out, NULL) != NULL);
	EVP_EncodeBlock((unsigned char *)ret, out, len);
	free(text);
}

void
logins_scram(const struct logins *l, const struct user *user, const char *name,
	     struct scram_keys *ret)
{
	if (user != NULL && user->has_scram) {
		*ret = user->scram;
		return;
	}
	ret->iterations = SCRAM_ITERATIONS;
	logins_made_up(l, 's', name, SCRAM_SALT_LEN, ret->salt);
	logins_scram_never(l, name, ret);
}

void
logins_scram_never(const struct logins *l, const char *name,
		   struct scram_keys *ret)
{
	logins_made_up(l, 'k', name, SCRAM_KEY_LEN, ret->stored);
	logins_made_up(l, 'v', name, SCRAM_KEY_LEN, ret->server);
}
