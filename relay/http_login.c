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

/* One that waits for the check of its password, or for its answer. */
struct http_login {
	struct relay *relay;      /* borrowed */
	struct http_request *req; /* the answer's */
	http_login_fn *fn;
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
http_login_basic(const char *rest, char **ret_password)
{
	char *text = NULL, *colon;
	struct buf b;

	buf_init(&b, CREDENTIALS_MAX);
	if (base64_decode(rest, strlen(rest), &b) == 0 && b.len > 0 &&
	    memchr(b.data, '\0', b.len) == NULL)
		text = xstrdup(b.data);
	if (b.cap > 0)
		password_wipe(b.data, b.cap);
	buf_done(&b);
	colon = text != NULL ? strchr(text, ':') : NULL;
	if (colon == NULL) {
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
http_login_why(const struct user *user, const struct sockaddr_any *client)
{
	if ((user->rights & USER_READ) == 0)
		return "rights";
	return user_may_come_from(user, client) ? NULL : "network";
}

/* Is somebody with this NAME (NULL: not known) heard at all? */
static bool
http_login_may_try(struct relay *r, const struct http_request *req,
		   const struct sockaddr_any *client, enum http_scheme scheme,
		   const char *name)
{
	if (logins_may_try(r->logins, client, name != NULL ? name : "",
			   loop_mono_ms(relay_home(r))))
		return true;
	http_login_told(r, req, client, scheme, name, "limited", "tries");
	return false;
}

static int
http_login_refuse(struct relay *r, const struct http_request *req,
		  const struct sockaddr_any *client, enum http_scheme scheme,
		  const char *name, const char *why, int64_t *ret_delay_ms)
{
	*ret_delay_ms = logins_failed(r->logins, client, name,
				      loop_mono_ms(relay_home(r)));
	http_login_told(r, req, client, scheme, name, "failed", why);
	return strcmp(why, "rights") == 0 ? 403 : 401;
}

/* By its token: at once. 0 with the user, or a status. */
static int
http_login_bearer(struct relay *r, const struct http_request *req,
		  const struct sockaddr_any *client, const char *token,
		  const struct user **ret_user)
{
	const struct user *user = users_find_token(r->snapshot->users, token);
	const char *name = user != NULL ? user->name : NULL;
	const char *why =
		user != NULL ? http_login_why(user, client) : "unknown";
	int64_t delay_ms;

	if (!http_login_may_try(r, req, client, HTTP_BEARER, name))
		return 429;
	if (why != NULL)
		return http_login_refuse(r, req, client, HTTP_BEARER, name, why,
					 &delay_ms);
	*ret_user = user;
	return 0;
}

int
http_login_gate(struct relay *r, struct http_request *req,
		const struct sockaddr_any *client)
{
	enum http_scheme scheme;
	const struct user *user;
	const char *rest = NULL;
	char *name, *password;
	int status;

	scheme = http_login_scheme(req, &rest);
	if (scheme == HTTP_NO_SCHEME)
		return 401;
	if (scheme == HTTP_BEARER)
		return http_login_bearer(r, req, client, rest, &user);
	name = http_login_basic(rest, &password);
	if (name == NULL)
		return 401;
	status = http_login_may_try(r, req, client, HTTP_BASIC, name) ? 0 : 429;
	password_wipe(password, strlen(password));
	free(name);
	return status;
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
http_login_answer(struct http_request *req, int status)
{
	static const char no[] = "Unauthorized\n", may_not[] = "Forbidden\n",
			  many[] = "Too Many Requests\n",
			  busy[] = "Service Unavailable\n";
	const char *text = status == 401   ? no
			   : status == 403 ? may_not
			   : status == 429 ? many
					   : busy;

	http_answer(req, status, TYPE_TEXT, text, strlen(text));
}

static void
http_login_no(void *arg)
{
	struct http_login *hl = arg;

	http_login_answer(hl->req, 401);
	http_login_free(hl);
}

/* The loop ends; the server did before, and the answer goes nowhere. */
static void
http_login_end(void *arg)
{
	struct http_login *hl = arg;

	loop_end_add(relay_home(hl->relay), &hl->end, http_login_end, hl);
	http_login_answer(hl->req, 503);
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
		hl->fn(r, hl->req, user);
	else
		http_login_answer(hl->req, 503);
	http_login_free(hl);
}

static void
http_login_checked(void *object, bool matches)
{
	struct http_login *hl = object;
	const struct user *user =
		users_find(hl->relay->snapshot->users, hl->name);
	const char *why = "unknown";
	int64_t delay_ms;
	int status;

	if (user != NULL)
		why = matches ? http_login_why(user, &hl->client) : "password";
	if (why == NULL) {
		http_login_go_on(hl, user);
		return;
	}
	status = http_login_refuse(hl->relay, hl->req, &hl->client, HTTP_BASIC,
				   hl->name, why, &delay_ms);
	if (status == 401) {
		loop_timer_set(&hl->delay, delay_ms);
		return;
	}
	http_login_answer(hl->req, status);
	http_login_free(hl);
}

/* NAME and PASSWORD, one piece, are its own from here on. */
static void
http_login_check(struct relay *r, struct http_request *req,
		 const struct sockaddr_any *client, http_login_fn *fn,
		 char *name, char *password)
{
	const struct users *users = r->snapshot->users;
	struct http_login *hl = xcalloc(1, sizeof(*hl));
	struct loop *loop = relay_home(r);
	int result;

	hl->relay = r;
	hl->req = req;
	hl->fn = fn;
	hl->client = *client;
	hl->name = name;
	hl->handle = loop_handle_new(loop, hl);
	loop_timer_init(&hl->delay, loop, http_login_no, hl);
	loop_end_add(loop, &hl->end, http_login_end, hl);
	result = logins_check(r->logins, users_find(users, name),
			      users_hash_like(users, name), password, loop,
			      hl->handle, http_login_checked);
	password_wipe(password, strlen(password));
	if (result == 0)
		return;
	http_login_told(r, req, client, HTTP_BASIC, name, "busy", "busy");
	http_login_answer(req, 503);
	http_login_free(hl);
}

void
http_login(struct relay *r, struct http_request *req,
	   const struct sockaddr_any *client, http_login_fn *fn)
{
	const struct user *user = NULL;
	const char *rest = NULL;
	char *name, *password;
	int status;

	if (http_login_scheme(req, &rest) == HTTP_BEARER) {
		status = http_login_bearer(r, req, client, rest, &user);
		if (status != 0) {
			http_login_answer(req, status);
			return;
		}
		logins_succeeded(r->logins, client, user->name,
				 loop_mono_ms(relay_home(r)));
		http_login_told(r, req, client, HTTP_BEARER, user->name, "ok",
				NULL);
		fn(r, req, user);
		return;
	}
	name = rest != NULL ? http_login_basic(rest, &password) : NULL;
	if (name == NULL) {
		http_login_answer(req, 401);
		return;
	}
	http_login_check(r, req, client, fn, name, password);
}
