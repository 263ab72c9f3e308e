/*
 * fetch - an HTTP request of ours and its answer, on a loop, by libcurl.
 *
 * One fetcher a loop. It keeps a few connections open for the next request to
 * the same host. Names are looked up by net/dns, never by libcurl. HTTP/1.1,
 * plain or over verified TLS; no redirect is followed, no proxy asked, no
 * cookie kept. A request ends with one callback, never from within the call
 * that asked, or it is cancelled.
 *
 * An answer counts from the moment its head is whole: what is said in its body
 * is for people, and so it does not matter whether that came to its end.
 */
#ifndef NET_FETCH_H
#define NET_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/dns.h"
#include "net/loop.h"

#define FETCH_HEAD_MAX ((size_t)64 * 1024) /* of an answer; above: no answer */
#define FETCH_BODY_MAX ((size_t)64 * 1024) /* ...; what is above is not read */
#define FETCH_MAX      512                 /* at the same time on a loop */
#define FETCH_IDLE_MAX 16                  /* connections that wait */
#define FETCH_URL_MAX  ((size_t)4096)

struct fetcher;
struct fetch;

struct fetch_header {
	const char *name, *value;
};

struct fetch_request {
	const char *method,
		*url; /* as fetch_check_method(), _url() have them */
	const struct fetch_header *headers; /* as fetch_check_header() has */
	size_t nheaders;
	const void *body; /* stays until the end; not sent by GET and HEAD */
	size_t body_len;
	const char *ca_file; /* whom to believe; NULL: the system's */
	int64_t time_ms;     /* for all of it */
};

enum fetch_end {
	FETCH_ANSWERED,
	FETCH_UNSENT,     /* no address, no connection, no TLS: nothing was
			   * asked */
	FETCH_UNANSWERED, /* it may have been heard, but no whole head came */
};

/* All of it is valid during the callback. */
struct fetch_answer {
	enum fetch_end end;
	const char *why;  /* but for FETCH_ANSWERED: for people; nothing of the
			   * URL but its host */
	const char *host; /* of the URL */
	struct sockaddr_any peer;             /* LEN 0: no connection */
	const char *tls_version, *tls_cipher; /* static; NULL: plain */
	/* With FETCH_ANSWERED. */
	int status;
	const char *type; /* of the body; "" */
	const char *body; /* NUL-terminated; it may hold NULs */
	size_t body_len;
	int64_t retry_after_ms; /* from now on; -1: it does not say */
	const char *redirect;   /* the host of a redirect's target; "" */
};

/* The fetch has ended, and is gone when this returns: it is not to be cancelled
 * any more. Others may be, and be started; the fetcher stays. */
typedef void fetch_fn(void *arg, const struct fetch_answer *answer);

/* DNS is of LOOP. 0 or -errno. */
int fetcher_new(struct loop *loop, struct dns *dns,
		struct fetcher **ret_fetcher);
/* What is under way ends without a callback. NULL is fine. */
void fetcher_free(struct fetcher **fetcher);

/* 0, or -EAGAIN: FETCH_MAX are under way. What REQUEST points at but the body is
 * copied. */
int fetch_start(struct fetcher *fetcher, const struct fetch_request *request,
		fetch_fn *fn, void *arg, struct fetch **ret_fetch);
/* No callback any more. Leaves NULL. */
void fetch_cancel(struct fetch **fetch);

/* --- what may be asked for ----------------------------------------------------- */

/* NULL: it can be asked for; else what is wrong with it (static). A URL is
 * absolute, in ASCII, of http or https, and has a host. */
const char *fetch_check_url(const char *url);
/* A method is a token of RFC 9110 in capitals, and not CONNECT. */
const char *fetch_check_method(const char *method);
/* What belongs to the connection or says where the body ends is not the
 * caller's. */
const char *fetch_check_header(const char *name, const char *value);
/* The host of URL, with its port where that is not the scheme's, into RET: for
 * people and logs, since a URL's path may be a secret. "" without one. */
void fetch_url_host(const char *url, char *ret, size_t size);
/* A Retry-After of seconds or a date (RFC 9110, 10.2.3): from NOW on, a day at
 * most; -1 is what it is not. */
int64_t fetch_retry_after_ms(const char *value, int64_t now_wall_ms);

#endif
