/*
 * web_try - a message to an endpoint becomes a request.
 */
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "deliver/endpoint_try.h"
#include "deliver/web_fate.h"

#define WT_SIGNATURE "Belfry-Signature"

/* --- the answer ------------------------------------------------------------------- */

static const struct attempt_tls *
wt_tls(struct endpoint_try *t, const struct fetch_answer *answer)
{
	struct attempt_tls *tls;

	if (answer->tls_version == NULL)
		return NULL;
	tls = arena_alloc(&t->a->arena, sizeof(*tls));
	*tls = (struct attempt_tls){answer->tls_version, answer->tls_cipher,
				    true};
	return tls;
}

/* Was the body what is wrong, and is there a plainer one? */
static bool
wt_goes_plain(const struct endpoint_try *t, const struct fetch_answer *answer)
{
	return !t->plain && answer->end == FETCH_ANSWERED &&
	       answer->status == 400 &&
	       content_get(&t->reader.content, CONTENT_PLAIN) != NULL;
}

static void
wt_answered(void *arg, const struct fetch_answer *answer)
{
	struct endpoint_try *t = arg;
	struct attempt_rcpt *rcpt = &t->a->rcpt[0];
	char ip[SOCKADDR_TEXT_MAX];

	t->fetch = NULL;
	if (wt_goes_plain(t, answer)) {
		t->plain = true;
		endpoint_try_ask(t);
		return;
	}
	rcpt->relay = arena_strdup(&t->a->arena, answer->host);
	if (answer->peer.len > 0) {
		sockaddr_ip(&answer->peer, ip);
		rcpt->relay =
			arena_printf(&t->a->arena, "%s[%s]:%d", answer->host,
				     ip, sockaddr_port(&answer->peer));
	}
	rcpt->tls = wt_tls(t, answer);
	web_fate(t->a, t->ep, answer, loop_wall_ms(t->dl->loop));
	endpoint_try_finish(t);
}

/* --- the request ---------------------------------------------------------------------- */

/* What the content names instead of the endpoint's URL stays at its host: what
 * is secret there goes nowhere else. */
static bool
wt_same_site(const char *a, const char *b)
{
	char x[SMTP_RELAY_MAX], y[SMTP_RELAY_MAX];

	fetch_url_host(a, x, sizeof(x));
	fetch_url_host(b, y, sizeof(y));
	return strcmp(x, y) == 0 && strncasecmp(a, b, strcspn(b, ":") + 1) == 0;
}

/* NULL: it can't be asked for. */
static const char *
wt_url(const struct endpoint_try *t)
{
	const char *url = content_get(&t->reader.content, CONTENT_URL);

	if (url == NULL)
		return t->ep->url;
	return fetch_check_url(url) == NULL && wt_same_site(url, t->ep->url)
		       ? url
		       : NULL;
}

/* The body as it is sent; false: there is no place for what is to be put in. */
static bool
wt_body(struct endpoint_try *t, const char **ret_body, size_t *ret_len)
{
	const struct content *c = &t->reader.content;
	const char *brace;
	size_t before, insert;
	char *body;

	*ret_body = t->plain ? content_get(c, CONTENT_PLAIN) : c->body;
	*ret_len = t->plain ? strlen(*ret_body) : c->body_len;
	if (t->ep->insert == NULL)
		return true;
	brace = memchr(*ret_body, '{', *ret_len);
	if (brace == NULL)
		return false;
	before = (size_t)(brace - *ret_body) + 1;
	insert = strlen(t->ep->insert);
	body = arena_alloc(&t->a->arena, *ret_len + insert + 1);
	memcpy(body, *ret_body, before);
	memcpy(body + before, t->ep->insert, insert);
	memcpy(body + before + insert, *ret_body + before, *ret_len - before);
	*ret_body = body;
	*ret_len += insert;
	return true;
}

static const char *
wt_signature(struct endpoint_try *t, const char *body, size_t len)
{
	static const char prefix[] = "sha256=";
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n;
	char *text;

	must(HMAC(EVP_sha256(), t->ep->sign, (int)strlen(t->ep->sign),
		  (const unsigned char *)body, len, mac, &n) != NULL);
	text = arena_alloc(&t->a->arena, sizeof(prefix) + 2 * n);
	memcpy(text, prefix, sizeof(prefix));
	for (unsigned i = 0; i < n; i++)
		snprintf(text + sizeof(prefix) - 1 + 2 * i, 3, "%02x", mac[i]);
	return text;
}

static bool
wt_endpoint_has(const struct endpoint *ep, const char *name)
{
	for (size_t i = 0; i < ep->nheaders; i++)
		if (strcasecmp(ep->headers[i].name, name) == 0)
			return true;
	return false;
}

/* The endpoint's own first. What of the message can be no header is left out:
 * better an alert without its icon than none. */
static void
wt_headers(struct endpoint_try *t, struct fetch_request *request)
{
	const struct content *c = &t->reader.content;
	const struct endpoint *ep = t->ep;
	struct fetch_header *v = arena_alloc(
		&t->a->arena, (ep->nheaders + c->nfields + 1) * sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < ep->nheaders; i++)
		v[n++] = (struct fetch_header){ep->headers[i].name,
					       ep->headers[i].value};
	for (size_t i = 0; i < c->nfields; i++) {
		const struct content_field *f = &c->fields[i];

		if (strncasecmp(f->name, "Belfry-", 7) != 0 &&
		    !wt_endpoint_has(ep, f->name) &&
		    fetch_check_header(f->name, f->value) == NULL)
			v[n++] = (struct fetch_header){f->name, f->value};
	}
	if (ep->sign != NULL)
		v[n++] = (struct fetch_header){
			WT_SIGNATURE,
			wt_signature(t, request->body, request->body_len)};
	request->headers = v;
	request->nheaders = n;
}

void
endpoint_try_ask(struct endpoint_try *t)
{
	struct fetch_request request = {
		.method = t->ep->method,
		.url = wt_url(t),
		.ca_file = t->ep->ca_file,
		.time_ms = t->ep->time_ms,
	};
	const char *body;
	int r;

	if (request.url == NULL) {
		endpoint_try_fail(
			t, ATTEMPT_NEVER, 554, "5.1.3",
			"the message names a URL that is none, or elsewhere");
		return;
	}
	if (!wt_body(t, &body, &request.body_len)) {
		endpoint_try_fail(t, ATTEMPT_NEVER, 554, "5.6.0",
				  "the message is no JSON");
		return;
	}
	request.body = body;
	wt_headers(t, &request);
	r = fetch_start(t->dl->fetcher, &request, wt_answered, t, &t->fetch);
	if (r < 0) /* too many at once: as it came */
		endpoint_try_finish(t);
}
