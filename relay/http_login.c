#include "relay/http_login.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/password.h"
#include "base/xalloc.h"
#include "mail/base64.h"

#define CREDENTIALS_MAX (PASSWORD_NAME_MAX + PASSWORD_MAX + 16)

#define TYPE_TEXT "text/plain; charset=utf-8"

enum http_scheme { HTTP_BASIC, HTTP_BEARER, HTTP_NO_SCHEME };
static const char *const http_scheme_names[] = {"basic", "bearer", "none"};

/* What becomes of one that goes well. */
struct http_login_want {
	unsigned needs; /* one of these rights */
	http_login_fn *fn;
	http_login_refused_fn *refused; /* or NULL */
};

/* One that waits for the check of its password, or for its answer. */
struct http_login {
	struct relay *relay;      /* borrowed */
	struct http_request *req; /* the answer's */
	struct http_login_want want;
	struct sockaddr_any client;
	char *name; /* owned */
	uint64_t handle;
	struct loop_timer delay;
	struct loop_end end;
};

/* --- the field ----------------------------------------------------------------- */

bool
http_login_is_tried(const struct http_request *req)
{
	return http_request_header(req, "Authorization") != NULL;
}

/* What the field says behind the name of its scheme. */
static enum http_scheme
http_login_scheme(const struct http_request *req, const char **ret_rest)
{
	const char *text = http_request_header(req, "Authorization");

	for (int i = HTTP_BASIC; text != NULL && i < HTTP_NO_SCHEME; i++) {
		size_t len = strlen(http_scheme_names[i]);

		if (strncasecmp(text, http_scheme_names[i], len) != 0 ||
		    text[len] != ' ')
			continue;
		*ret_rest = text + len + strspn(text + len, " ");
		return (enum http_scheme)i;
	}
	return HTTP_NO_SCHEME;
}

/* "name:password" of REST into two strings, both the caller's, in one piece.
 * The first, or NULL: there are none. */
static char *
http_login_pair(const char *rest, char **ret_password)
{
	char *text = NULL, *colon;
	struct buf b;

	buf_init(&b, CREDENTIALS_MAX);
	if (base64_decode(rest, strlen(rest), &b) == 0 && b.len > 0 &&
	    memchr(b.data, '\0', b.len) == NULL)
		text = xstrdup(b.data);
	buf_wipe(&b);
	colon = text != NULL ? strchr(text, ':') : NULL;
	if (colon == NULL) {
		if (text != NULL)
			password_wipe(text, strlen(text));
		free(text);
		return NULL;
	}
	*colon = '\0';
	*ret_password = colon + 1;
	return text;
}

/* --- what becomes of it ----------------------------------------------------------- */

static const char *
http_login_listener(const struct http_request *req)
{
	const struct port *port = http_request_listener(req);

	return port->name;
}

/* A request is a login: those that went well are told at debug. */
static void
http_login_told(struct relay *r, const struct http_request *req,
		const struct sockaddr_any *client, enum http_scheme scheme,
		const char *name, const char *result, const char *why)
{
	const char *listener = http_login_listener(req);
	char ip[SOCKADDR_TEXT_MAX];
	bool ok = why == NULL;

	sockaddr_ip(client, ip);
	metric_add(metric_cell(r->smtp_metrics.logins, listener,
			       http_scheme_names[scheme], result, NULL),
		   1);
	log_event(&r->log_root, ok ? LOG_DEBUG : LOG_WARNING,
		  ok ? "login" : "login_failed", LOG_STR("client", ip),
		  LOG_ADDR("user", name),
		  LOG_STR("mech", http_scheme_names[scheme]),
		  LOG_STR("reason", why), LOG_STR("listener", listener));
}

/* May USER, who has shown to be it, ask from there? NULL, or why not. */
static const char *
http_login_why(const struct user *user, const struct sockaddr_any *client,
	       unsigned needs)
{
	if ((user->rights & needs) == 0)
		return "rights";
	return user_may_come_from(user, client) ? NULL : "network";
}

static void
http_login_answer(struct relay *r, struct http_request *req,
		  const struct http_login_want *want, int status)
{
	static const char no[] = "Unauthorized\n", may_not[] = "Forbidden\n",
			  many[] = "Too Many Requests\n",
			  busy[] = "Service Unavailable\n";
	const char *text = status == 401   ? no
			   : status == 403 ? may_not
			   : status == 429 ? many
					   : busy;

	if (want->refused != NULL)
		want->refused(r, req, status);
	http_answer(req, status, TYPE_TEXT, text, strlen(text));
}

static void
http_login_limited(struct relay *r, struct http_request *req,
		   const struct http_login_want *want,
		   const struct sockaddr_any *client, enum http_scheme scheme,
		   const char *name)
{
	http_login_told(r, req, client, scheme, name, "limited", "tries");
	http_login_answer(r, req, want, 429);
}

/* It is counted. */
static void
http_login_refuse(struct relay *r, struct http_request *req,
		  const struct http_login_want *want,
		  const struct sockaddr_any *client, enum http_scheme scheme,
		  const char *name, const char *why)
{
	http_login_told(r, req, client, scheme, name, "failed", why);
	http_login_answer(r, req, want, strcmp(why, "rights") == 0 ? 403 : 401);
}

/* Is somebody with this NAME (NULL: not known) heard at all? If not it has its
 * answer. */
static bool
http_login_may_try(struct relay *r, struct http_request *req,
		   const struct http_login_want *want,
		   const struct sockaddr_any *client, enum http_scheme scheme,
		   const char *name)
{
	if (logins_may_try(r->logins, client, name != NULL ? name : "",
			   loop_mono_ms(relay_home(r))))
		return true;
	http_login_limited(r, req, want, client, scheme, name);
	return false;
}

/* --- by a token: at once ------------------------------------------------------------ */

static void
http_login_bearer(struct relay *r, struct http_request *req,
		  const struct sockaddr_any *client, const char *token,
		  const struct http_login_want *want)
{
	const struct user *user = users_find_token(r->snapshot->users, token);
	const char *name = user != NULL ? user->name : NULL;
	const char *why = user != NULL
				  ? http_login_why(user, client, want->needs)
				  : "unknown";
	int64_t now = loop_mono_ms(relay_home(r));

	if (!http_login_may_try(r, req, want, client, HTTP_BEARER, name))
		return;
	if (why != NULL) {
		logins_failed(r->logins, client, name, now);
		http_login_refuse(r, req, want, client, HTTP_BEARER, name, why);
		return;
	}
	logins_succeeded(r->logins, client, name, now);
	http_login_told(r, req, client, HTTP_BEARER, name, "ok", NULL);
	want->fn(r, req, user);
}

/* --- by a password ------------------------------------------------------------------ */

static void
http_login_free(struct http_login *hl)
{
	struct loop *loop = relay_home(hl->relay);

	loop_end_remove(loop, &hl->end);
	loop_timer_done(&hl->delay);
	loop_handle_free(loop, hl->handle);
	free(hl->name);
	free(hl);
}

static void
http_login_no(void *arg)
{
	struct http_login *hl = arg;

	http_login_answer(hl->relay, hl->req, &hl->want, 401);
	http_login_free(hl);
}

/* The loop ends; the server did before, and the answer goes nowhere. */
static void
http_login_end(void *arg)
{
	struct http_login *hl = arg;

	loop_end_add(relay_home(hl->relay), &hl->end, http_login_end, hl);
	hl->want.refused = NULL;
	http_login_answer(hl->relay, hl->req, &hl->want, 503);
	http_login_free(hl);
}

static void
http_login_go_on(struct http_login *hl, const struct user *user)
{
	struct relay *r = hl->relay;

	logins_succeeded(r->logins, &hl->client, hl->name,
			 loop_mono_ms(relay_home(r)));
	http_login_told(r, hl->req, &hl->client, HTTP_BASIC, hl->name, "ok",
			NULL);
	if (r->http != NULL)
		hl->want.fn(r, hl->req, user);
	else
		http_login_answer(r, hl->req, &hl->want, 503);
	http_login_free(hl);
}

/* A wrong password, or the right one of who may not: 401 comes late. */
static void
http_login_wrong(struct http_login *hl, const char *why, int64_t delay_ms)
{
	if (strcmp(why, "rights") == 0) {
		http_login_refuse(hl->relay, hl->req, &hl->want, &hl->client,
				  HTTP_BASIC, hl->name, why);
		http_login_free(hl);
		return;
	}
	http_login_told(hl->relay, hl->req, &hl->client, HTTP_BASIC, hl->name,
			"failed", why);
	loop_timer_set(&hl->delay, delay_ms);
}

static void
http_login_matches(struct http_login *hl, const struct user *user)
{
	struct relay *r = hl->relay;
	const char *why =
		user != NULL ? http_login_why(user, &hl->client, hl->want.needs)
			     : "unknown";

	if (why == NULL)
		http_login_go_on(hl, user);
	else
		http_login_wrong(hl, why,
				 logins_failed(r->logins, &hl->client, hl->name,
					       loop_mono_ms(relay_home(r))));
}

static void
http_login_checked(void *object, enum logins_said said, int64_t delay_ms)
{
	struct http_login *hl = object;
	const struct user *user =
		users_find(hl->relay->snapshot->users, hl->name);

	switch (said) {
	case LOGINS_MATCHES:
		http_login_matches(hl, user);
		return;
	case LOGINS_WRONG:
		http_login_wrong(hl, user != NULL ? "password" : "unknown",
				 delay_ms);
		return;
	case LOGINS_LIMITED:
		http_login_limited(hl->relay, hl->req, &hl->want, &hl->client,
				   HTTP_BASIC, hl->name);
		http_login_free(hl);
		return;
	}
}

static void
http_login_check(struct relay *r, struct http_request *req,
		 const struct sockaddr_any *client,
		 const struct http_login_want *want, const char *name,
		 const char *password)
{
	const struct users *users = r->snapshot->users;
	struct http_login *hl = xcalloc(1, sizeof(*hl));
	struct loop *loop = relay_home(r);
	struct logins_ask ask = {
		.peer = client,
		.name = name,
		.user = users_find(users, name),
		.like = users_hash_like(users, name),
		.password = password,
		.now = loop_mono_ms(loop),
	};

	hl->relay = r;
	hl->req = req;
	hl->want = *want;
	hl->client = *client;
	hl->name = xstrdup(name);
	hl->handle = loop_handle_new(loop, hl);
	loop_timer_init(&hl->delay, loop, http_login_no, hl);
	loop_end_add(loop, &hl->end, http_login_end, hl);
	if (logins_check(r->logins, &ask, loop, hl->handle,
			 http_login_checked) == 0)
		return;
	http_login_told(r, req, client, HTTP_BASIC, name, "busy", "busy");
	http_login_answer(r, req, want, 503);
	http_login_free(hl);
}

static void
http_login_basic(struct relay *r, struct http_request *req,
		 const struct sockaddr_any *client, const char *rest,
		 const struct http_login_want *want)
{
	char *password, *name = http_login_pair(rest, &password);

	if (name == NULL) {
		http_login_answer(r, req, want, 401);
		return;
	}
	if (http_login_may_try(r, req, want, client, HTTP_BASIC, name))
		http_login_check(r, req, client, want, name, password);
	password_wipe(password, strlen(password));
	free(name);
}

void
http_login(struct relay *r, struct http_request *req,
	   const struct sockaddr_any *client, unsigned needs, http_login_fn *fn,
	   http_login_refused_fn *refused)
{
	const struct http_login_want want = {needs, fn, refused};
	const char *rest;

	switch (http_login_scheme(req, &rest)) {
	case HTTP_BASIC:
		http_login_basic(r, req, client, rest, &want);
		return;
	case HTTP_BEARER:
		http_login_bearer(r, req, client, rest, &want);
		return;
	case HTTP_NO_SCHEME:
		http_login_answer(r, req, &want, 401);
		return;
	}
}
