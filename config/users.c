#include "config/users.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>

#include "base/buf.h"
#include "base/password.h"
#include "base/secret.h"
#include "base/xalloc.h"
#include "config/config_impl.h"
#include "config/users_impl.h"
#include "mail/pattern.h"
#include "net/tls.h"

#define USERS_FILE_MAX (1 << 20)
#define DIGEST_LEN     32

/* USER first, so that one is the other. */
struct user_entry {
	struct user user;
	size_t nsenders;
	struct pattern **senders; /* owned; in the arena */
	bool anywhere;
	struct network_list networks;
	UT_hash_handle by_name, by_token;
	uint8_t token[DIGEST_LEN]; /* SHA-256 of it */
};

struct user_certificate {
	UT_hash_handle hh;
	const struct user *user;
	char fingerprint[TLS_FINGERPRINT_LEN];
};

struct users {
	struct arena arena; /* of everything here */
	size_t n;
	struct user_entry *v;
	struct user_entry *names, *tokens;     /* hashes */
	struct user_certificate *certificates; /* a hash */
};

/* Where a load is. */
struct ul {
	const struct config *config;
	struct users *users;
	struct conf_errors *errors;
	bool look;     /* a check: secrets are only looked at */
	bool strictly; /* ... and must be readable */
};

void
users_free(struct users **up)
{
	struct users *u = up != NULL ? *up : NULL;

	if (u == NULL)
		return;
	*up = NULL;
	HASH_CLEAR(by_name, u->names);
	HASH_CLEAR(by_token, u->tokens);
	HASH_CLEAR(hh, u->certificates);
	for (size_t i = 0; i < u->n; i++)
		for (size_t j = 0; j < u->v[i].nsenders; j++)
			pattern_free(&u->v[i].senders[j]);
	arena_done(&u->arena);
	free(u);
}

/* --- an entry ------------------------------------------------------------------ */

static bool
ul_senders(struct ul *ul, const struct user_conf *conf, struct user_entry *e)
{
	char delimiter = ul->config->recipient_delimiter[0], *why = NULL;
	const struct conf_strings *texts = &conf->senders;
	bool ok = true;

	e->senders = arena_alloc(&ul->users->arena,
				 (texts->n + 1) * sizeof(struct pattern *));
	for (size_t i = 0; i < texts->n; i++) {
		if (pattern_new(texts->v[i], delimiter,
				&e->senders[e->nsenders], &why) == 0) {
			e->nsenders++;
			continue;
		}
		conf_error(ul->errors, &texts->marks[i],
			   "`%s` is no pattern: %s", texts->v[i], why);
		free(why);
		why = NULL;
		ok = false;
	}
	return ok;
}

static void
token_digest(const void *token, size_t len, uint8_t ret[static DIGEST_LEN])
{
	EVP_Digest(token, len, ret, NULL, EVP_sha256(), NULL);
}

static bool
ul_token(struct ul *ul, const struct user_conf *conf, struct user_entry *e)
{
	enum secrets_mode mode = (enum secrets_mode)ul->config->secrets.mode;
	struct users *u = ul->users;
	struct user_entry *other;
	struct secret *secret = NULL;

	if (!secret_is_given(&conf->token))
		return true;
	if (ul->look)
		return secret_look(&conf->token, "token", mode, ul->strictly,
				   ul->errors);
	if (secret_read(&conf->token, "token", mode, ul->errors, &secret) < 0)
		return false;
	token_digest(secret->bytes, secret->len, e->token);
	secret_free(&secret);
	HASH_FIND(by_token, u->tokens, e->token, DIGEST_LEN, other);
	if (other != NULL) {
		conf_error(ul->errors, secret_mark(&conf->token),
			   "`%s` and `%s` have the same token; each needs one "
			   "of its own",
			   other->user.name, e->user.name);
		return false;
	}
	HASH_ADD_KEYPTR(by_token, u->tokens, e->token, DIGEST_LEN, e);
	return true;
}

static bool
ul_certificate(struct ul *ul, const char *text, const struct conf_mark *mark,
	       const struct user *user)
{
	struct users *u = ul->users;
	struct user_certificate *c = arena_alloc(&u->arena, sizeof(*c)), *other;

	if (!config_fingerprint(text, mark, ul->errors, c->fingerprint))
		return false;
	HASH_FIND_STR(u->certificates, c->fingerprint, other);
	if (other != NULL) {
		conf_error(ul->errors, mark,
			   "this certificate is given twice, first as one of "
			   "`%s`",
			   other->user->name);
		return false;
	}
	c->user = user;
	HASH_ADD_STR(u->certificates, fingerprint, c);
	return true;
}

static bool
ul_certificates(struct ul *ul, const struct conf_strings *texts,
		const struct user *user)
{
	bool ok = true;

	for (size_t i = 0; i < texts->n; i++)
		ok = ul_certificate(ul, texts->v[i], &texts->marks[i], user) &&
		     ok;
	return ok;
}

static bool
ul_person(struct ul *ul, const struct user_conf *conf)
{
	const struct conf_list *people = &ul->config->alerts.people;
	const struct alert_person_conf *p = people->v;

	if (conf->person.text[0] == '\0')
		return true;
	for (size_t i = 0; i < people->n; i++)
		if (strcmp(p[i].name, conf->person.text) == 0)
			return true;
	conf_error(ul->errors, &conf->person.mark,
		   "there is no person in `alerts.people` called `%s`",
		   conf->person.text);
	return false;
}

static bool
ul_entry(struct ul *ul, const struct user_conf *conf, struct user_entry *e)
{
	struct users *u = ul->users;
	bool ok;

	e->user = (struct user){
		.name = conf->name,
		.person = conf->person.text,
		.password = conf->password,
		.has_scram = conf->scram.stored[0] != '\0',
		.rate = conf->rate,
		.daily = conf->daily,
		/* The first of the names is the listener's. */
		.class = conf->class - 1,
		.rights = conf->rights_bits,
	};
	if (e->user.has_scram) {
		struct scram_keys *to = &e->user.scram;

		to->iterations = conf->scram.iterations;
		snprintf(to->salt, sizeof(to->salt), "%s", conf->scram.salt);
		snprintf(to->stored, sizeof(to->stored), "%s",
			 conf->scram.stored);
		snprintf(to->server, sizeof(to->server), "%s",
			 conf->scram.server);
	}
	ok = password_name_ok(conf->name);
	if (!ok)
		conf_error(ul->errors, &conf->mark,
			   "a name is UTF-8 without control characters, of 1 "
			   "to %d bytes",
			   PASSWORD_NAME_MAX);
	ok = ul_senders(ul, conf, e) && ok;
	e->anywhere = conf->networks.n == 0;
	ok = networks_resolve(&conf->networks, &ul->config->networks, &u->arena,
			      ul->errors, &e->networks) &&
	     ok;
	ok = ul_person(ul, conf) && ok;
	ok = ul_token(ul, conf, e) && ok;
	ok = ul_certificates(ul, &conf->certificates, &e->user) && ok;
	HASH_ADD_KEYPTR(by_name, u->names, e->user.name, strlen(e->user.name),
			e);
	return ok;
}

/* --- the file ------------------------------------------------------------------- */

static void
ul_text(struct ul *ul, const char *name, const char *text, size_t len)
{
	struct users *u = ul->users;
	struct conf_list list = {0};

	if (conf_load_named(name, text, len, &user_conf_table,
			    offsetof(struct user_conf, name), &u->arena,
			    ul->errors, &list) < 0)
		return;
	u->v = arena_alloc(&u->arena, (list.n + 1) * sizeof(*u->v));
	for (size_t i = 0; i < list.n; i++) {
		u->n++; /* also of half an entry something is to be freed */
		ul_entry(ul, (const struct user_conf *)list.v + i, &u->v[i]);
	}
}

/* 0 or -errno. */
static int
ul_read(int fd, struct buf *out)
{
	char piece[16 * 1024];
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = read(fd, piece, sizeof(piece))) != 0)
		r = n < 0 ? -errno : buf_append(out, piece, (size_t)n);
	return r;
}

/* Can't be read by us; by who will read it perhaps. */
static bool
ul_may_be(const struct ul *ul, int r)
{
	return ul->look && !ul->strictly && (r == -EACCES || r == -EPERM);
}

static void
ul_file(struct ul *ul)
{
	const char *path = ul->config->users_file.text;
	const struct conf_mark *mark = &ul->config->users_file.mark;
	enum secrets_mode mode = (enum secrets_mode)ul->config->secrets.mode;
	char *why = NULL;
	struct buf text;
	int fd, r;

	fd = secret_open(path, mode, &why);
	if (fd < 0 && !(fd == -EACCES && ul_may_be(ul, fd)))
		conf_error(ul->errors, mark, "`users_file`: %s%s",
			   why != NULL ? why : strerror(-fd),
			   fd == -ENOENT ? "; `belfry password --user NAME` "
					   "makes an entry for it"
					 : "");
	else if (fd >= 0 && why != NULL)
		conf_warning(ul->errors, mark, "`users_file`: %s", why);
	free(why);
	if (fd < 0)
		return;
	buf_init(&text, USERS_FILE_MAX);
	r = ul_read(fd, &text);
	close(fd);
	if (r < 0)
		conf_error(ul->errors, mark,
			   "`users_file`: %s can't be read: %s", path,
			   r == -EMSGSIZE ? "it is larger than 1M"
					  : strerror(-r));
	else
		ul_text(ul, path, buf_str(&text), text.len);
	buf_done(&text);
}

static struct users *
users_new(void)
{
	struct users *u = xcalloc(1, sizeof(*u));

	arena_init(&u->arena);
	return u;
}

/* What was loaded is the caller's, or gone. */
static int
ul_end(struct ul *ul, size_t errors_before, struct users **ret)
{
	if (ul->errors->total > errors_before) {
		users_free(&ul->users);
		conf_errors_sort(ul->errors);
		return -EINVAL;
	}
	*ret = ul->users;
	return 0;
}

int
users_load(const struct config *config, struct conf_errors *e,
	   struct users **ret)
{
	struct ul ul = {.config = config, .users = users_new(), .errors = e};
	size_t before = e->total;

	if (config->users_file.text[0] != '\0')
		ul_file(&ul);
	return ul_end(&ul, before, ret);
}

int
users_load_text(const struct config *config, const char *name, const char *text,
		size_t len, struct conf_errors *e, struct users **ret)
{
	struct ul ul = {.config = config, .users = users_new(), .errors = e};
	size_t before = e->total;

	ul_text(&ul, name, text, len);
	return ul_end(&ul, before, ret);
}

void
users_check(const struct config *config, bool strictly, struct conf_errors *e)
{
	struct ul ul = {
		.config = config,
		.users = users_new(),
		.errors = e,
		.look = true,
		.strictly = strictly,
	};

	if (config->users_file.text[0] != '\0')
		ul_file(&ul);
	users_free(&ul.users);
	conf_errors_sort(e);
}

/* --- questions -------------------------------------------------------------------- */

const struct user *
users_find(const struct users *u, const char *name)
{
	struct user_entry *e = NULL;

	if (u != NULL)
		HASH_FIND(by_name, u->names, name, strlen(name), e);
	return e != NULL ? &e->user : NULL;
}

const char *
users_hash_like(const struct users *u, const char *name)
{
	size_t n = u != NULL ? u->n : 0, at;
	uint8_t digest[DIGEST_LEN];

	token_digest(name, strlen(name), digest);
	at = (size_t)digest[0] << 8 | digest[1];
	for (size_t i = 0; i < n; i++) {
		const char *hash = u->v[(at + i) % n].user.password;

		if (hash[0] != '\0')
			return hash;
	}
	return NULL;
}

/* By its digest, so that the time tells nothing of those that there are. */
const struct user *
users_find_token(const struct users *u, const char *token)
{
	struct user_entry *e = NULL;
	uint8_t digest[DIGEST_LEN];

	token_digest(token, strlen(token), digest);
	if (u != NULL)
		HASH_FIND(by_token, u->tokens, digest, DIGEST_LEN, e);
	return e != NULL ? &e->user : NULL;
}

const struct user *
users_find_certificate(const struct users *u, const char *fingerprint)
{
	struct user_certificate *c = NULL;

	if (u != NULL)
		HASH_FIND_STR(u->certificates, fingerprint, c);
	return c != NULL ? c->user : NULL;
}

bool
users_have_certificates(const struct users *u)
{
	return u->certificates != NULL;
}

static const struct user_entry *
user_entry_of(const struct user *user)
{
	return (const struct user_entry *)user;
}

bool
user_has_senders(const struct user *user)
{
	return user_entry_of(user)->nsenders > 0;
}

bool
user_may_send(const struct user *user, const struct address *address)
{
	const struct user_entry *e = user_entry_of(user);

	for (size_t i = 0; i < e->nsenders; i++)
		if (pattern_match(e->senders[i], address))
			return true;
	return e->nsenders == 0;
}

bool
user_may_come_from(const struct user *user, const struct sockaddr_any *peer)
{
	const struct user_entry *e = user_entry_of(user);
	struct sockaddr_any loopback;

	if (e->anywhere || peer == NULL)
		return e->anywhere;
	if (peer->ss.ss_family != AF_UNIX)
		return network_list_has(&e->networks, peer);
	sockaddr_parse_ip("127.0.0.1", 0, &loopback);
	return network_list_has(&e->networks, &loopback);
}
