#include "tests/unit/http_bad.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/must.h"
#include "base/xalloc.h"

#define PEERS_MAX    700
#define REQUESTS_MAX 64
#define REQUEST_MAX  ((size_t)4 << 20)

struct peer {
	struct http_bad *s;
	pthread_t thread;
	int fd;
	SSL *ssl; /* NULL: plain */
	struct buf in;
};

struct http_bad {
	int fd, port;
	int wake[2]; /* closed at the end: every poll returns */
	const struct http_bad_step *steps;
	size_t nsteps;
	SSL_CTX *tls; /* NULL: none */
	pthread_t thread;
	pthread_mutex_t lock;
	unsigned nrequests;
	char *requests[REQUESTS_MAX];
	struct peer peers[PEERS_MAX];
	unsigned npeers;
};

/* Until FD is ready for WHAT; false at the server's end. */
static bool
peer_ready(struct peer *p, short what)
{
	struct pollfd fds[] = {{p->fd, what, 0}, {p->s->wake[0], POLLIN, 0}};

	return poll(fds, 2, -1) > 0 && !fds[1].revents;
}

static bool
peer_wait(struct peer *p)
{
	char data[16384];
	ssize_t n;

	if (!(p->ssl && SSL_pending(p->ssl) > 0) && !peer_ready(p, POLLIN))
		return false;
	n = p->ssl ? SSL_read(p->ssl, data, sizeof(data))
		   : read(p->fd, data, sizeof(data));
	if (n <= 0)
		return false;
	must(buf_append(&p->in, data, (size_t)n) == 0);
	return true;
}

static bool
peer_say(struct peer *p, const char *text)
{
	size_t len = strlen(text);

	if (p->ssl)
		return SSL_write(p->ssl, text, (int)len) == (int)len;
	while (len > 0) {
		ssize_t n = send(p->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && !peer_ready(p, POLLOUT))
			return false;
		if (n < 0 && send(p->fd, text, 1, MSG_NOSIGNAL) < 0)
			return false;
		text += n < 0 ? 1 : n;
		len -= n < 0 ? 1 : (size_t)n;
	}
	return true;
}

/* How long the request at the front is; 0: not whole yet. */
static size_t
peer_request_len(const struct peer *p)
{
	const char *text = buf_str(&p->in), *end = strstr(text, "\r\n\r\n");
	const char *field =
		end ? strcasestr(text, "\r\nContent-Length:") : NULL;
	size_t len;

	if (!end)
		return 0;
	len = (size_t)(end - text) + 4;
	if (field && field < end)
		len += strtoul(field + strlen("\r\nContent-Length:"), NULL, 10);
	return p->in.len >= len ? len : 0;
}

static const struct http_bad_step *
peer_take(struct peer *p, size_t len)
{
	struct http_bad *s = p->s;
	unsigned at;

	pthread_mutex_lock(&s->lock);
	at = s->nrequests++;
	if (at < REQUESTS_MAX)
		s->requests[at] = xstrndup(buf_str(&p->in), len);
	pthread_mutex_unlock(&s->lock);
	buf_consume(&p->in, len);
	return &s->steps[at < s->nsteps ? at : s->nsteps - 1];
}

/* False: this connection is over. */
static bool
peer_answer(struct peer *p, const struct http_bad_step *step)
{
	const char *more = step->more ? step->more : step->answer;

	if (step->answer && !peer_say(p, step->answer))
		return false;
	while (step->then == HTTP_BAD_ENDLESS)
		if (!peer_say(p, more))
			return false;
	while (step->then == HTTP_BAD_SILENT)
		if (!peer_wait(p))
			return false;
	return step->then == HTTP_BAD_KEEP;
}

static void
peer_talk(struct peer *p)
{
	bool on = true;
	size_t len;

	if (p->s->tls) {
		p->ssl = SSL_new(p->s->tls);
		must(p->ssl && SSL_set_fd(p->ssl, p->fd) == 1);
		on = SSL_accept(p->ssl) == 1;
	}
	while (on) {
		while (on && (len = peer_request_len(p)) == 0)
			on = peer_wait(p);
		if (on)
			on = peer_answer(p, peer_take(p, len));
	}
}

static void *
peer_thread(void *arg)
{
	struct peer *p = arg;

	peer_talk(p);
	if (p->ssl)
		SSL_shutdown(p->ssl);
	SSL_free(p->ssl);
	close(p->fd);
	buf_done(&p->in);
	return NULL;
}

static void *
server_thread(void *arg)
{
	struct http_bad *s = arg;
	struct pollfd fds[] = {{s->fd, POLLIN, 0}, {s->wake[0], POLLIN, 0}};

	while (poll(fds, 2, -1) > 0 && !fds[1].revents) {
		struct peer *p = &s->peers[s->npeers];

		must(s->npeers < PEERS_MAX);
		p->s = s;
		p->fd = accept(s->fd, NULL, NULL);
		must(p->fd >= 0);
		buf_init(&p->in, REQUEST_MAX);
		/* It counts before anything is said on it. */
		pthread_mutex_lock(&s->lock);
		s->npeers++;
		pthread_mutex_unlock(&s->lock);
		must(pthread_create(&p->thread, NULL, peer_thread, p) == 0);
	}
	return NULL;
}

int
http_bad_nobody(int *ret_port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	must(getsockname(fd, (struct sockaddr *)&addr, &len) == 0);
	*ret_port = ntohs(addr.sin_port);
	return fd;
}

static struct http_bad *
server_start(const struct http_bad_step *steps, size_t n, SSL_CTX *tls)
{
	struct http_bad *s = xcalloc(1, sizeof(*s));

	s->steps = steps;
	s->nsteps = n;
	s->tls = tls;
	s->fd = http_bad_nobody(&s->port);
	must(listen(s->fd, 1000) == 0);
	must(pipe(s->wake) == 0);
	must(pthread_mutex_init(&s->lock, NULL) == 0);
	must(pthread_create(&s->thread, NULL, server_thread, s) == 0);
	return s;
}

struct http_bad *
http_bad_start(const struct http_bad_step *steps, size_t n)
{
	return server_start(steps, n, NULL);
}

struct http_bad *
http_bad_start_tls(const struct http_bad_step *steps, size_t n,
		   const char *certificate, const char *key)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

	must(tls != NULL);
	must(SSL_CTX_use_certificate_chain_file(tls, certificate) == 1);
	must(SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) == 1);
	return server_start(steps, n, tls);
}

void
http_bad_stop(struct http_bad **sp)
{
	struct http_bad *s = *sp;

	*sp = NULL;
	if (!s)
		return;
	close(s->wake[1]);
	pthread_join(s->thread, NULL);
	for (unsigned i = 0; i < s->npeers; i++)
		pthread_join(s->peers[i].thread, NULL);
	for (unsigned i = 0; i < REQUESTS_MAX; i++)
		free(s->requests[i]);
	close(s->wake[0]);
	close(s->fd);
	SSL_CTX_free(s->tls);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

int
http_bad_port(const struct http_bad *s)
{
	return s->port;
}

unsigned
http_bad_connections(struct http_bad *s)
{
	unsigned n;

	pthread_mutex_lock(&s->lock);
	n = s->npeers;
	pthread_mutex_unlock(&s->lock);
	return n;
}

unsigned
http_bad_requests(struct http_bad *s)
{
	unsigned n;

	pthread_mutex_lock(&s->lock);
	n = s->nrequests;
	pthread_mutex_unlock(&s->lock);
	return n;
}

char *
http_bad_request(struct http_bad *s, unsigned at)
{
	char *text = NULL;

	pthread_mutex_lock(&s->lock);
	if (at < REQUESTS_MAX && s->requests[at] != NULL)
		text = xstrdup(s->requests[at]);
	pthread_mutex_unlock(&s->lock);
	return text;
}
