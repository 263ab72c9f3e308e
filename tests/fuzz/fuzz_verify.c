/*
 * A server behind us that is asked for a recipient and says anything at all,
 * a reply to each line that it hears: what is concluded is what its replies say.
 *
 * It is real: on loopback, in a thread of its own.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "deliver/routes_conf.h"
#include "deliver/verify.h"
#include "mail/smtp_reply.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define TEXT(s) ((char *)(uintptr_t)(s))

static struct {
	struct log *log;
	struct log_context context;
	struct loop *loop;
	struct dns *dns;
	struct hop hop;
	struct route_rule rule;
	struct routing *routing;
	struct route route;
	uint64_t handle;
	int listening;
	atomic_bool served;        /* it is over for the server too */
	const unsigned char *data; /* what the server says */
	size_t len;
	unsigned told;
	enum verify_result last;
} fv;

/* --- the server ------------------------------------------------------------------ */

/* How much of what is left is one reply; what is none is said whole. */
static size_t
reply_len(size_t at)
{
	struct reply_parser p;
	size_t used;

	reply_parser_init(&p);
	return reply_parse(&p, (const char *)fv.data + at, fv.len - at,
			   &used) == 1
		       ? used
		       : fv.len - at;
}

/* False: there is none any more. */
static bool
hear_line(int fd)
{
	char c = '\0';

	while (c != '\n')
		if (read(fd, &c, 1) != 1)
			return false;
	return true;
}

static void
serve(int fd)
{
	char heard[4096];
	size_t n;

	for (size_t at = 0; at < fv.len; at += n) {
		n = reply_len(at);
		if ((at > 0 && !hear_line(fd)) ||
		    send(fd, fv.data + at, n, MSG_NOSIGNAL) != (ssize_t)n)
			break;
	}
	shutdown(fd, SHUT_WR);
	while (read(fd, heard, sizeof(heard)) > 0)
		;
	close(fd);
}

static void *
server(void *arg)
{
	(void)arg;
	for (;;) {
		int fd = accept4(fv.listening, NULL, NULL, SOCK_CLOEXEC);

		must(fd >= 0);
		serve(fd);
		atomic_store(&fv.served, true);
		loop_stop(fv.loop);
	}
	return NULL;
}

static int
listen_somewhere(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	socklen_t len = sizeof(sa);
	pthread_t thread;

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fv.listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(fv.listening >= 0);
	must(bind(fv.listening, (struct sockaddr *)&sa, len) == 0);
	must(listen(fv.listening, 8) == 0);
	must(getsockname(fv.listening, (struct sockaddr *)&sa, &len) == 0);
	must(pthread_create(&thread, NULL, server, NULL) == 0);
	return ntohs(sa.sin_port);
}

/* --- the one who asks -------------------------------------------------------------- */

static void
no_line(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

static void
open_routing(int port)
{
	static const struct delivery_conf delivery = {
		.helo = TEXT(""),
		.timeouts = {10000, 10000, 10000, 10000, 10000}};
	static const struct address any = {"a", "inner.example"};
	const struct conf_list routes = {1, &fv.rule};
	const struct routing_sources from = {.delivery = &delivery,
					     .routes = &routes,
					     .hostname = "relay.example.org"};
	struct conf_errors e;

	fv.hop = (struct hop){.name = TEXT(""),
			      .host = TEXT("127.0.0.1"),
			      .port = port,
			      .helo = TEXT(""),
			      .bind = TEXT("")};
	fv.rule = (struct route_rule){.match = TEXT("inner.example"),
				      .via = {1, &fv.hop},
				      .path = TEXT(""),
				      .verify = {.cache_ms = 60000}};
	conf_errors_init(&e);
	must(routing_new(&from, &e, &fv.routing) == 0);
	conf_errors_done(&e);
	must(route_find(fv.routing, "", &any, &fv.route) == 0);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct dns_conf dns_conf = {.timeout_ms = 1000,
						 .trust_anchor = TEXT("")};
	char *why = NULL;

	(void)argc;
	(void)argv;
	fv.log = log_new_capture(no_line, NULL);
	fv.context = (struct log_context){.log = fv.log};
	fv.loop = loop_new(clock_system());
	must(dns_new(fv.loop, &dns_conf, &fv.dns, &why) == 0);
	open_routing(listen_somewhere());
	fv.handle = loop_handle_new(fv.loop, &fv);
	return 0;
}

static void
told(void *object, enum verify_result result)
{
	(void)object;
	fv.told++;
	fv.last = result;
	loop_stop(fv.loop);
}

/* --- what it should be ------------------------------------------------------------ */

/* The next reply; false: there is none. */
static bool
next(size_t *at, struct reply *ret)
{
	struct reply_parser p;
	size_t used;
	int r;

	reply_parser_init(&p);
	r = reply_parse(&p, (const char *)fv.data + *at, fv.len - *at, &used);
	*at += used;
	if (r == 1)
		reply_copy(ret, &p.reply);
	return r == 1;
}

static bool
is_of_recipient(const struct reply *r)
{
	if (r->dsn[0] == '\0')
		return r->code == 550;
	return strncmp(r->dsn, "5.1.", 4) == 0 &&
	       strcmp(r->dsn, "5.1.7") != 0 && strcmp(r->dsn, "5.1.8") != 0;
}

static enum verify_result
expected(void)
{
	struct reply r;
	size_t at = 0;

	if (!next(&at, &r) || !reply_ok(&r) || !next(&at, &r))
		return VERIFY_LATER;
	if (reply_permanent(&r) && !next(&at, &r)) /* to HELO */
		return VERIFY_LATER;
	if (!reply_ok(&r) || !next(&at, &r) || !reply_ok(&r))
		return VERIFY_LATER;
	if (!next(&at, &r))
		return VERIFY_LATER;
	if (reply_ok(&r))
		return VERIFY_GOOD;
	return reply_permanent(&r) && is_of_recipient(&r) ? VERIFY_NOBODY
							  : VERIFY_LATER;
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct verify_kept *kept = verify_kept_new();
	struct verifier *v =
		verifier_new(fv.loop, fv.dns, NULL, kept, &fv.context);

	fv.data = data;
	fv.len = len;
	fv.told = 0;
	atomic_store(&fv.served, false);
	must(verifier_ask(v, fv.routing, &fv.route, "a@inner.example",
			  fv.handle, told) == VERIFY_ASKED);
	while (fv.told == 0 || !atomic_load(&fv.served))
		loop_run(fv.loop);
	must(fv.told == 1 && fv.last == expected());
	must(verifier_ask(v, fv.routing, &fv.route, "A@inner.example",
			  fv.handle, told) == fv.last);
	verifier_free(&v);
	verify_kept_free(&kept);
	return 0;
}
