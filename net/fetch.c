/*
 *	RESOLVE -> libcurl: connect, TLS -> sent -> head -> body -> answer
 *	       \________________________________/      \_________/
 *	        failed: nothing was asked (UNSENT),     cut or late: the head
 *	        or it may have been heard (UNANSWERED)  counts (ANSWERED)
 */
#include "net/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "base/must.h"
#include "base/xalloc.h"

#define FETCH_ADDRESSES 8
#define FETCH_IDLE_S    60L
#define FETCH_HOST_MAX  300
#define FETCH_WHY_MAX   (CURL_ERROR_SIZE + FETCH_HOST_MAX)

struct fetch {
	TAILQ_ENTRY(fetch) link;
	struct fetcher *fetcher; /* borrowed */
	fetch_fn *fn;
	void *arg;
	CURL *easy;                           /* owned */
	struct curl_slist *headers, *resolve; /* owned */
	struct dns_query *query;              /* owned; NULL: none */
	struct loop_timer late;
	int64_t time_ms;
	char host[FETCH_HOST_MAX]; /* as libcurl looks it up */
	int port;
	bool literal;       /* HOST is an address */
	bool added;         /* it is libcurl's for now */
	bool sent;          /* its first byte may be out */
	bool head_whole;    /* of the final answer */
	bool head_too_long; /* ... */
	size_t head_bytes;
	struct buf body;
	struct sockaddr_any peer;
	const char *tls_version, *tls_cipher;
	char error[CURL_ERROR_SIZE];
};
TAILQ_HEAD(fetch_list, fetch);

/* A descriptor that libcurl wants to hear of. */
struct fetch_socket {
	LIST_ENTRY(fetch_socket) link;
	struct fetcher *fetcher;
	struct event *event; /* owned */
};

struct fetcher {
	struct loop *loop; /* borrowed */
	struct dns *dns;   /* borrowed */
	CURLM *multi;      /* owned */
	struct loop_timer timer;
	struct fetch_list list;
	size_t n;
	LIST_HEAD(, fetch_socket) sockets;
};

#define SET(easy, option, value)                                               \
	must(curl_easy_setopt(easy, option, value) == CURLE_OK)
#define SET_MULTI(multi, option, value)                                        \
	must(curl_multi_setopt(multi, option, value) == CURLM_OK)

/* --- the end ---------------------------------------------------------------------- */

static void
fetch_free(struct fetch *f)
{
	struct fetcher *fetcher = f->fetcher;

	dns_cancel(&f->query);
	loop_timer_done(&f->late);
	if (f->added)
		curl_multi_remove_handle(fetcher->multi, f->easy);
	curl_easy_cleanup(f->easy);
	curl_slist_free_all(f->headers);
	curl_slist_free_all(f->resolve);
	buf_done(&f->body);
	TAILQ_REMOVE(&fetcher->list, f, link);
	fetcher->n--;
	free(f);
}

static const char *
fetch_answer_header(struct fetch *f, const char *name)
{
	struct curl_header *h;

	if (curl_easy_header(f->easy, name, 0, CURLH_HEADER, -1, &h) !=
	    CURLHE_OK)
		return NULL;
	return h->value;
}

static void
fetch_fill_answer(struct fetch *f, struct fetch_answer *answer, char *redirect,
		  size_t size)
{
	const char *retry = fetch_answer_header(f, "Retry-After");
	const char *type = fetch_answer_header(f, "Content-Type");
	char *url = NULL;
	long status = 0;

	curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(f->easy, CURLINFO_REDIRECT_URL, &url);
	answer->status = (int)status;
	answer->type = type != NULL ? type : "";
	answer->body = buf_str(&f->body);
	answer->body_len = f->body.len;
	if (retry != NULL)
		answer->retry_after_ms = fetch_retry_after_ms(
			retry, loop_wall_ms(f->fetcher->loop));
	if (url != NULL)
		fetch_url_host(url, redirect, size);
}

/* WHY is of no interest where an answer came. */
static void
fetch_finish(struct fetch *f, const char *why)
{
	char redirect[FETCH_HOST_MAX] = "";
	struct fetch_answer answer = {
		.end = f->head_whole ? FETCH_ANSWERED
		       : f->sent     ? FETCH_UNANSWERED
				     : FETCH_UNSENT,
		.why = f->head_too_long ? "the head of the answer is too long"
					: why,
		.host = f->host,
		.peer = f->peer,
		.tls_version = f->tls_version,
		.tls_cipher = f->tls_cipher,
		.type = "",
		.body = "",
		.retry_after_ms = -1,
		.redirect = redirect,
	};

	if (f->head_whole)
		fetch_fill_answer(f, &answer, redirect, sizeof(redirect));
	f->fn(f->arg, &answer);
	fetch_free(f);
}

static void
fetch_late(void *arg)
{
	struct fetch *f = arg;
	char why[FETCH_WHY_MAX];

	snprintf(why, sizeof(why), "no %s within %g s",
		 f->sent ? "answer" : "connection", (double)f->time_ms / 1000);
	fetch_finish(f, why);
}

static void
fetch_curl_ended(struct fetch *f, CURLcode result)
{
	char why[FETCH_WHY_MAX];

	/* What it writes into the buffer ends in a newline at times. */
	f->error[strcspn(f->error, "\r\n")] = '\0';
	snprintf(why, sizeof(why), "%s",
		 f->error[0] != '\0' ? f->error : curl_easy_strerror(result));
	fetch_finish(f, why);
}

/* --- libcurl on the loop ------------------------------------------------------------ */

static void
fetcher_reap(struct fetcher *fetcher)
{
	struct fetch *f;
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(fetcher->multi, &left)) != NULL) {
		must(m->msg == CURLMSG_DONE);
		must(curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &f) ==
		     CURLE_OK);
		fetch_curl_ended(f, m->data.result);
	}
}

static void
fetcher_act(struct fetcher *fetcher, curl_socket_t fd, int mask)
{
	int running;

	must(curl_multi_socket_action(fetcher->multi, fd, mask, &running) ==
	     CURLM_OK);
	fetcher_reap(fetcher);
}

static void
fetcher_on_timer(void *arg)
{
	fetcher_act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int
fetcher_set_timer(CURLM *multi, long after_ms, void *arg)
{
	struct fetcher *fetcher = arg;

	(void)multi;
	if (after_ms < 0)
		loop_timer_clear(&fetcher->timer);
	else
		loop_timer_set(&fetcher->timer, after_ms);
	return 0;
}

static void
fetcher_on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct fetch_socket *s = arg;

	fetcher_act(s->fetcher, fd,
		    (what & EV_READ ? CURL_CSELECT_IN : 0) |
			    (what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void
fetch_socket_free(struct fetch_socket *s)
{
	LIST_REMOVE(s, link);
	if (s->event != NULL)
		event_free(s->event);
	free(s);
}

static int
fetcher_set_socket(CURL *easy, curl_socket_t fd, int what, void *arg,
		   void *socket)
{
	short events =
		(short)(EV_PERSIST | (what & CURL_POLL_IN ? EV_READ : 0) |
			(what & CURL_POLL_OUT ? EV_WRITE : 0));
	struct fetcher *fetcher = arg;
	struct fetch_socket *s = socket;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (s != NULL)
			fetch_socket_free(s);
		return 0;
	}
	if (s == NULL) {
		s = xcalloc(1, sizeof(*s));
		s->fetcher = fetcher;
		LIST_INSERT_HEAD(&fetcher->sockets, s, link);
		curl_multi_assign(fetcher->multi, fd, s);
	} else {
		event_free(s->event);
	}
	s->event = event_new(loop_base(fetcher->loop), fd, events,
			     fetcher_on_socket, s);
	must(s->event != NULL && event_add(s->event, NULL) == 0);
	return 0;
}

/* --- what libcurl calls on its way ---------------------------------------------------- */

/* Names are not looked up by it: that takes threads. */
static int
fetch_before_names(void *resolver, void *reserved, void *arg)
{
	const struct fetch *f = arg;

	(void)resolver;
	(void)reserved;
	return f->literal ? 0 : 1;
}

static void
fetch_note_tls(struct fetch *f)
{
	struct curl_tlssessioninfo *info = NULL;

	if (curl_easy_getinfo(f->easy, CURLINFO_TLS_SSL_PTR, &info) !=
		    CURLE_OK ||
	    info == NULL || info->backend != CURLSSLBACKEND_OPENSSL ||
	    info->internals == NULL)
		return;
	f->tls_version = SSL_get_version(info->internals);
	f->tls_cipher = SSL_get_cipher_name(info->internals);
}

/* The connection stands; the request follows. */
static int
fetch_before_request(void *arg, char *ip, char *local_ip, int port,
		     int local_port)
{
	struct fetch *f = arg;

	(void)local_ip;
	(void)local_port;
	f->sent = true;
	if (sockaddr_parse_ip(ip, port, &f->peer) < 0)
		f->peer.len = 0;
	fetch_note_tls(f);
	return CURL_PREREQFUNC_OK;
}

static size_t
fetch_take_head(char *data, size_t size, size_t n, void *arg)
{
	struct fetch *f = arg;
	long status = 0;

	n *= size;
	f->head_bytes += n;
	if (f->head_bytes > FETCH_HEAD_MAX) {
		f->head_too_long = !f->head_whole;
		return 0;
	}
	if (n > 0 && (data[0] == '\r' || data[0] == '\n')) {
		curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
		f->head_whole = status >= 200; /* before come those with 1xx */
	}
	return n;
}

static size_t
fetch_take_body(char *data, size_t size, size_t n, void *arg)
{
	struct fetch *f = arg;
	size_t room = f->body.max - f->body.len;

	n *= size;
	must(buf_append(&f->body, data, n < room ? n : room) == 0);
	return n <= room ? n : 0;
}

/* --- the start ------------------------------------------------------------------------ */

static void
fetch_set_body(struct fetch *f, const struct fetch_request *request)
{
	SET(f->easy, CURLOPT_CUSTOMREQUEST, request->method);
	if (strcmp(request->method, "HEAD") == 0) {
		SET(f->easy, CURLOPT_NOBODY, 1L);
	} else if (strcmp(request->method, "GET") != 0) {
		SET(f->easy, CURLOPT_POST, 1L);
		SET(f->easy, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)request->body_len);
		SET(f->easy, CURLOPT_POSTFIELDS,
		    request->body_len > 0 ? request->body : "");
	}
}

static void
fetch_add_header(struct curl_slist **list, const char *line)
{
	struct curl_slist *more = curl_slist_append(*list, line);

	must(more != NULL);
	*list = more;
}

static void
fetch_set_headers(struct fetch *f, const struct fetch_request *request)
{
	bool type = false, agent = false;

	fetch_add_header(&f->headers, "Expect:");
	for (size_t i = 0; i < request->nheaders; i++) {
		const struct fetch_header *h = &request->headers[i];
		const char *between = h->value[0] != '\0' ? ": " : ";";
		char *line = xasprintf("%s%s%s", h->name, between, h->value);

		must(fetch_check_header(h->name, h->value) == NULL);
		fetch_add_header(&f->headers, line);
		type |= strcasecmp(h->name, "Content-Type") == 0;
		agent |= strcasecmp(h->name, "User-Agent") == 0;
		free(line);
	}
	if (!type) /* it would name one by itself */
		fetch_add_header(&f->headers, "Content-Type:");
	if (!agent)
		SET(f->easy, CURLOPT_USERAGENT, "Belfry/" BELFRY_VERSION);
	SET(f->easy, CURLOPT_HTTPHEADER, f->headers);
}

static void
fetch_set_rules(struct fetch *f, const struct fetch_request *request)
{
	SET(f->easy, CURLOPT_URL, request->url);
	SET(f->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(f->easy, CURLOPT_FOLLOWLOCATION, 0L);
	SET(f->easy, CURLOPT_PROXY, "");
	SET(f->easy, CURLOPT_NOSIGNAL, 1L);
	SET(f->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(f->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(f->easy, CURLOPT_SSL_VERIFYPEER, 1L);
	SET(f->easy, CURLOPT_SSL_VERIFYHOST, 2L);
	SET(f->easy, CURLOPT_MAXAGE_CONN, FETCH_IDLE_S);
	/* Half of the time is left for the next address. */
	SET(f->easy, CURLOPT_CONNECTTIMEOUT_MS,
	    (long)(request->time_ms / 2 > 0 ? request->time_ms / 2 : 1));
	if (request->ca_file != NULL) {
		SET(f->easy, CURLOPT_CAINFO, request->ca_file);
		SET(f->easy, CURLOPT_CAPATH, NULL);
	}
}

static void
fetch_set_calls(struct fetch *f)
{
	SET(f->easy, CURLOPT_PRIVATE, f);
	SET(f->easy, CURLOPT_ERRORBUFFER, f->error);
	SET(f->easy, CURLOPT_HEADERFUNCTION, fetch_take_head);
	SET(f->easy, CURLOPT_HEADERDATA, f);
	SET(f->easy, CURLOPT_WRITEFUNCTION, fetch_take_body);
	SET(f->easy, CURLOPT_WRITEDATA, f);
	SET(f->easy, CURLOPT_PREREQFUNCTION, fetch_before_request);
	SET(f->easy, CURLOPT_PREREQDATA, f);
	SET(f->easy, CURLOPT_RESOLVER_START_FUNCTION, fetch_before_names);
	SET(f->easy, CURLOPT_RESOLVER_START_DATA, f);
}

/* Host and port, as libcurl will look them up. */
static void
fetch_set_host(struct fetch *f, const char *url)
{
	char *host = NULL, *port = NULL;
	struct sockaddr_any addr;
	CURLU *u = curl_url();
	size_t len;

	must(u != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK);
	must(curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK);
	must(curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) ==
	     CURLUE_OK);
	len = strlen(host);
	f->literal = host[0] == '[' || sockaddr_parse_ip(host, 0, &addr) == 0;
	snprintf(f->host, sizeof(f->host), "%.*s",
		 (int)(len < sizeof(f->host) ? len : sizeof(f->host) - 1),
		 host);
	f->port = atoi(port);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
}

static void
fetch_add(struct fetch *f)
{
	f->added = true;
	must(curl_multi_add_handle(f->fetcher->multi, f->easy) == CURLM_OK);
}

static void
fetch_resolved(void *arg, const struct dns_answer *answer)
{
	struct fetch *f = arg;
	char why[FETCH_WHY_MAX], ip[SOCKADDR_TEXT_MAX];
	struct buf line;

	f->query = NULL;
	if (answer->status != DNS_OK) {
		snprintf(why, sizeof(why), "%s: %s", f->host, answer->why);
		fetch_finish(f, why);
		return;
	}
	buf_init(&line, 4096);
	must(buf_printf(&line, "+%s:%d", f->host, f->port) == 0);
	for (size_t i = 0; i < answer->n && i < FETCH_ADDRESSES; i++) {
		sockaddr_ip(&answer->v[i], ip);
		must(buf_printf(&line, "%s%s", i > 0 ? "," : ":", ip) == 0);
	}
	fetch_add_header(&f->resolve, buf_str(&line));
	buf_done(&line);
	SET(f->easy, CURLOPT_RESOLVE, f->resolve);
	fetch_add(f);
}

int
fetch_start(struct fetcher *fetcher, const struct fetch_request *request,
	    fetch_fn *fn, void *arg, struct fetch **ret_fetch)
{
	struct fetch *f;

	must(fetch_check_url(request->url) == NULL);
	must(fetch_check_method(request->method) == NULL);
	if (fetcher->n >= FETCH_MAX)
		return -EAGAIN;
	f = xcalloc(1, sizeof(*f));
	f->fetcher = fetcher;
	f->fn = fn;
	f->arg = arg;
	f->time_ms = request->time_ms;
	f->easy = curl_easy_init();
	must(f->easy != NULL);
	buf_init(&f->body, FETCH_BODY_MAX);
	loop_timer_init(&f->late, fetcher->loop, fetch_late, f);
	TAILQ_INSERT_TAIL(&fetcher->list, f, link);
	fetcher->n++;
	fetch_set_rules(f, request);
	fetch_set_calls(f);
	fetch_set_headers(f, request);
	fetch_set_body(f, request);
	fetch_set_host(f, request->url);
	loop_timer_set(&f->late, request->time_ms);
	*ret_fetch = f;
	if (f->literal)
		fetch_add(f);
	else
		f->query =
			dns_addresses(fetcher->dns, f->host, fetch_resolved, f);
	return 0;
}

void
fetch_cancel(struct fetch **fetch)
{
	struct fetch *f = *fetch;

	*fetch = NULL;
	if (f != NULL)
		fetch_free(f);
}

int
fetcher_new(struct loop *loop, struct dns *dns, struct fetcher **ret_fetcher)
{
	struct fetcher *fetcher;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	fetcher = xcalloc(1, sizeof(*fetcher));
	fetcher->loop = loop;
	fetcher->dns = dns;
	TAILQ_INIT(&fetcher->list);
	LIST_INIT(&fetcher->sockets);
	loop_timer_init(&fetcher->timer, loop, fetcher_on_timer, fetcher);
	fetcher->multi = curl_multi_init();
	must(fetcher->multi != NULL);
	SET_MULTI(fetcher->multi, CURLMOPT_SOCKETFUNCTION, fetcher_set_socket);
	SET_MULTI(fetcher->multi, CURLMOPT_SOCKETDATA, fetcher);
	SET_MULTI(fetcher->multi, CURLMOPT_TIMERFUNCTION, fetcher_set_timer);
	SET_MULTI(fetcher->multi, CURLMOPT_TIMERDATA, fetcher);
	SET_MULTI(fetcher->multi, CURLMOPT_MAXCONNECTS, (long)FETCH_IDLE_MAX);
	*ret_fetcher = fetcher;
	return 0;
}

void
fetcher_free(struct fetcher **fetcherp)
{
	struct fetcher *fetcher = *fetcherp;

	*fetcherp = NULL;
	if (fetcher == NULL)
		return;
	while (!TAILQ_EMPTY(&fetcher->list))
		fetch_free(TAILQ_FIRST(&fetcher->list));
	curl_multi_cleanup(fetcher->multi);
	while (!LIST_EMPTY(&fetcher->sockets))
		fetch_socket_free(LIST_FIRST(&fetcher->sockets));
	loop_timer_done(&fetcher->timer);
	free(fetcher);
	curl_global_cleanup();
}
