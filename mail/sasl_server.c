/*
 * PLAIN:	START --message--> over
 * LOGIN:	START --> NAME --name--> SECRET --password--> over
 * EXTERNAL:	START --name, or nothing--> over
 * SCRAM:	START --> MESSAGE --client-first--> MESSAGE --client-final-->
 *		FAREWELL --nothing--> over
 */
#include "mail/sasl_server.h"

#include <errno.h>
#include <gsasl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "base/password.h"
#include "base/xalloc.h"
#include "mail/base64.h"

/* Of one line, decoded. */
#define SASL_LINE_MAX 12288

const char *const sasl_mech_names[] = {
	[SASL_IN_PLAIN] = "PLAIN",
	[SASL_IN_LOGIN] = "LOGIN",
	[SASL_IN_SCRAM_SHA_256] = "SCRAM-SHA-256",
	[SASL_IN_SCRAM_SHA_256_PLUS] = "SCRAM-SHA-256-PLUS",
	[SASL_IN_EXTERNAL] = "EXTERNAL",
	NULL,
};

const char *const sasl_state_names[] = {
	[SASL_START] = "start",
	[SASL_NAME] = "name",
	[SASL_SECRET] = "secret",
	[SASL_MESSAGE] = "message",
	[SASL_FAREWELL] = "farewell",
	[SASL_OVER] = "over",
	NULL,
};

struct sasl_context {
	Gsasl *gsasl; /* owned; NULL before the first use */
};

struct sasl_server {
	struct sasl_context *context; /* borrowed */
	enum sasl_mech mech;
	enum sasl_state state;
	const char *binding; /* borrowed; NULL: none */
	sasl_keys_fn *keys;
	void *arg;
	char *user, *password; /* owned */
	Gsasl_session *scram;  /* owned */
};

/* --- what is shared ---------------------------------------------------------- */

struct sasl_context *
sasl_context_new(void)
{
	return xcalloc(1, sizeof(struct sasl_context));
}

void
sasl_context_free(struct sasl_context **cp)
{
	struct sasl_context *c = cp != NULL ? *cp : NULL;

	if (c == NULL)
		return;
	*cp = NULL;
	if (c->gsasl != NULL)
		gsasl_done(c->gsasl);
	free(c);
}

int
sasl_mech_find(const char *name, enum sasl_mech *ret)
{
	for (int i = 0; sasl_mech_names[i] != NULL; i++) {
		if (strcasecmp(sasl_mech_names[i], name) != 0)
			continue;
		*ret = (enum sasl_mech)i;
		return 0;
	}
	return -ENOENT;
}

/* --- one login ----------------------------------------------------------------- */

struct sasl_server *
sasl_server_new(struct sasl_context *c, enum sasl_mech mech,
		const char *binding, sasl_keys_fn *keys, void *arg)
{
	struct sasl_server *s = xcalloc(1, sizeof(*s));

	s->context = c;
	s->mech = mech;
	s->binding = binding;
	s->keys = keys;
	s->arg = arg;
	return s;
}

void
sasl_server_free(struct sasl_server **sp)
{
	struct sasl_server *s = sp != NULL ? *sp : NULL;

	if (s == NULL)
		return;
	*sp = NULL;
	if (s->scram != NULL)
		gsasl_finish(s->scram);
	if (s->password != NULL)
		password_wipe(s->password, strlen(s->password));
	free(s->password);
	free(s->user);
	free(s);
}

enum sasl_mech
sasl_server_mech(const struct sasl_server *s)
{
	return s->mech;
}

const char *
sasl_server_user(const struct sasl_server *s)
{
	return s->user;
}

const char *
sasl_server_password(const struct sasl_server *s)
{
	return s->password;
}

/* LEN bytes that hold no NUL, as a string; NULL: they hold one. */
static char *
sasl_text(const char *data, size_t len)
{
	return memchr(data, '\0', len) == NULL ? xstrndup(data, len) : NULL;
}

/* --- PLAIN: [authzid] NUL authcid NUL password --------------------------------- */

static enum sasl_result
sasl_plain(struct sasl_server *s, const char *data, size_t len)
{
	const char *end = data + len, *name, *secret;

	name = memchr(data, '\0', len);
	if (name == NULL)
		return SASL_SYNTAX;
	name++;
	secret = memchr(name, '\0', (size_t)(end - name));
	if (secret == NULL || secret == name)
		return SASL_SYNTAX;
	s->user = xstrdup(name);
	secret++;
	s->password = sasl_text(secret, (size_t)(end - secret));
	if (s->password == NULL)
		return SASL_SYNTAX;
	/* Nobody acts for another. */
	if (data[0] != '\0' && strcmp(data, s->user) != 0)
		return SASL_WRONG;
	return SASL_PASSWORD;
}

/* --- LOGIN: two questions, whose words are what clients expect ------------------- */

static enum sasl_result
sasl_login_ask(struct sasl_server *s, enum sasl_state next,
	       struct buf *challenge)
{
	const char *word = next == SASL_NAME ? "Username:" : "Password:";

	s->state = next;
	return base64_encode(word, strlen(word), challenge) == 0 ? SASL_GO_ON
								 : SASL_SYNTAX;
}

static enum sasl_result
sasl_login(struct sasl_server *s, const char *data, size_t len,
	   struct buf *challenge)
{
	char *text = sasl_text(data, len);

	if (text == NULL)
		return SASL_SYNTAX;
	if (s->user != NULL) {
		s->password = text;
		return SASL_PASSWORD;
	}
	s->user = text;
	return len > 0 ? sasl_login_ask(s, SASL_SECRET, challenge)
		       : SASL_SYNTAX;
}

/* --- EXTERNAL: [authzid] ------------------------------------------------------- */

static enum sasl_result
sasl_external(struct sasl_server *s, const char *data, size_t len)
{
	if (len == 0)
		return SASL_SHOWN;
	s->user = sasl_text(data, len);
	return s->user != NULL ? SASL_SHOWN : SASL_SYNTAX;
}

/* --- SCRAM ----------------------------------------------------------------------- */

/* The library wants the keys of whom the client said that it is: what the
 * client has to know at the first message, what it has to prove only at the
 * last. Whoever gives them may have changed its mind in between. */
static int
sasl_scram_keys(struct sasl_server *s, Gsasl_session *session,
		Gsasl_property what)
{
	const char *name = gsasl_property_fast(session, GSASL_AUTHID);
	bool first = what == GSASL_SCRAM_ITER || what == GSASL_SCRAM_SALT;
	struct scram_keys keys;
	char iterations[24];

	if (s == NULL || name == NULL)
		return GSASL_NO_PASSWORD;
	s->keys(s->arg, name, &keys);
	if (first) {
		snprintf(iterations, sizeof(iterations), "%lld",
			 (long long)keys.iterations);
		gsasl_property_set(session, GSASL_SCRAM_ITER, iterations);
		gsasl_property_set(session, GSASL_SCRAM_SALT, keys.salt);
	} else {
		gsasl_property_set(session, GSASL_SCRAM_STOREDKEY, keys.stored);
		gsasl_property_set(session, GSASL_SCRAM_SERVERKEY, keys.server);
	}
	return GSASL_OK;
}

static int
sasl_scram_want(Gsasl *ctx, Gsasl_session *session, Gsasl_property what)
{
	struct sasl_server *s = gsasl_session_hook_get(session);

	(void)ctx;
	switch ((int)what) {
	case GSASL_CB_TLS_EXPORTER:
		if (s == NULL || s->binding == NULL)
			return GSASL_NO_CB_TLS_EXPORTER;
		gsasl_property_set(session, what, s->binding);
		return GSASL_OK;
	case GSASL_SCRAM_ITER:
	case GSASL_SCRAM_SALT:
	case GSASL_SCRAM_STOREDKEY:
	case GSASL_SCRAM_SERVERKEY:
		return sasl_scram_keys(s, session, what);
	default:
		return GSASL_NO_CALLBACK;
	}
}

static bool
sasl_scram_start(struct sasl_server *s)
{
	struct sasl_context *c = s->context;

	if (c->gsasl == NULL) {
		if (gsasl_init(&c->gsasl) != GSASL_OK) {
			c->gsasl = NULL;
			return false;
		}
		gsasl_callback_set(c->gsasl, sasl_scram_want);
	}
	if (gsasl_server_start(c->gsasl, sasl_mech_names[s->mech], &s->scram) !=
	    GSASL_OK) {
		s->scram = NULL;
		return false;
	}
	gsasl_session_hook_set(s->scram, s);
	return true;
}

/* The client has shown who it is; nobody acts for another. */
static enum sasl_result
sasl_scram_proved(struct sasl_server *s)
{
	const char *as = gsasl_property_fast(s->scram, GSASL_AUTHZID);

	if (s->user == NULL)
		return SASL_WRONG;
	return as == NULL || as[0] == '\0' || strcmp(as, s->user) == 0
		       ? SASL_PROVED
		       : SASL_WRONG;
}

static enum sasl_result
sasl_scram(struct sasl_server *s, const char *data, size_t len,
	   struct buf *challenge)
{
	enum sasl_result result = SASL_GO_ON;
	const char *name;
	char *out = NULL;
	size_t out_len = 0;
	int r;

	if (s->state == SASL_FAREWELL)
		return len == 0 ? sasl_scram_proved(s) : SASL_SYNTAX;
	/* RFC 5802, 6: a binding to the TLS channel, which this is not for; the
	 * library would go on. */
	if (s->mech == SASL_IN_SCRAM_SHA_256 && len > 0 && data[0] == 'p')
		return SASL_WRONG;
	if (s->scram == NULL && !sasl_scram_start(s))
		return SASL_WRONG;
	r = gsasl_step(s->scram, data, len, &out, &out_len);
	name = gsasl_property_fast(s->scram, GSASL_AUTHID);
	if (s->user == NULL && name != NULL)
		s->user = xstrdup(name);
	if (r == GSASL_OK)
		s->state = SASL_FAREWELL;
	else if (r != GSASL_NEEDS_MORE)
		result = r == GSASL_MECHANISM_PARSE_ERROR ? SASL_SYNTAX
							  : SASL_WRONG;
	if (result == SASL_GO_ON && base64_encode(out, out_len, challenge) < 0)
		result = SASL_SYNTAX;
	gsasl_free(out);
	return result;
}

/* --- a line ----------------------------------------------------------------------- */

static enum sasl_result
sasl_take(struct sasl_server *s, const char *data, size_t len,
	  struct buf *challenge)
{
	switch (s->mech) {
	case SASL_IN_PLAIN:
		return sasl_plain(s, data, len);
	case SASL_IN_LOGIN:
		return sasl_login(s, data, len, challenge);
	case SASL_IN_SCRAM_SHA_256:
	case SASL_IN_SCRAM_SHA_256_PLUS:
		return sasl_scram(s, data, len, challenge);
	case SASL_IN_EXTERNAL:
		return sasl_external(s, data, len);
	}
	abort();
}

static enum sasl_result
sasl_begin(struct sasl_server *s, struct buf *challenge)
{
	if (s->mech == SASL_IN_LOGIN)
		return sasl_login_ask(s, SASL_NAME, challenge);
	s->state = SASL_MESSAGE;
	return SASL_GO_ON;
}

enum sasl_result
sasl_server_step(struct sasl_server *s, const char *line, struct buf *challenge)
{
	enum sasl_result result = SASL_SYNTAX;
	struct buf data;

	must(s->state != SASL_OVER);
	if (line == NULL)
		return sasl_begin(s, challenge);
	if (s->state == SASL_START) {
		s->state = s->mech == SASL_IN_LOGIN ? SASL_NAME : SASL_MESSAGE;
		if (strcmp(line, "=") == 0)
			line = "";
	}
	buf_init(&data, SASL_LINE_MAX);
	if (base64_decode(line, strlen(line), &data) == 0)
		result = sasl_take(s, buf_str(&data), data.len, challenge);
	buf_wipe(&data);
	if (result != SASL_GO_ON)
		s->state = SASL_OVER;
	return result;
}
