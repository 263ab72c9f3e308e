#include "tests/unit/smtp_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/must.h"
#include "base/xalloc.h"

#define PEERS_MAX 64

static const char *const verbs[] = {"BANNER", "EHLO", "HELO",     "MAIL",
				    "RCPT",   "DATA", "BODY",     "DOT",
				    "RSET",   "QUIT", "STARTTLS", "AUTH"};
#define NVERB (sizeof(verbs) / sizeof(verbs[0]))

struct peer {
	struct smtp_server *s;
	pthread_t thread;
	int fd;
	SSL *ssl;         /* NULL: plain */
	unsigned rcpts;   /* accepted in this transaction */
	bool lmtp;        /* it said LHLO */
	const char *line; /* the command at hand; "" */
	struct buf in;
};

struct smtp_server {
	int fd, port;
	int wake[2]; /* closed at the end: every poll returns */
	const struct smtp_rule *rules;
	bool slow, implicit;
	SSL_CTX *tls; /* NULL: none */
	pthread_t thread;
	pthread_mutex_t lock;
	unsigned count[NVERB], now;
	struct smtp_seen seen;
	struct buf all;
	struct peer peers[PEERS_MAX];
	size_t npeers;
};

/* More input; false at its end or at the server's. */
static bool
peer_wait(struct peer *p)
{
	struct pollfd fds[] = {{p->fd, POLLIN, 0}, {p->s->wake[0], POLLIN, 0}};
	char data[4096];
	ssize_t n;

	if (!(p->ssl && SSL_pending(p->ssl) > 0) &&
	    (poll(fds, 2, -1) < 0 || fds[1].revents))
		return false;
	n = p->ssl ? SSL_read(p->ssl, data, sizeof(data))
		   : read(p->fd, data, p->s->slow ? 1024 : sizeof(data));
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
	return send(p->fd, text, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static const struct smtp_rule *
server_rule(struct smtp_server *s, const char *verb, const char *line)
{
	unsigned n = 0;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < NVERB; i++)
		if (strcmp(verb, verbs[i]) == 0)
			n = ++s->count[i];
	pthread_mutex_unlock(&s->lock);
	for (const struct smtp_rule *r = s->rules; r && r->verb; r++)
		if (strcmp(r->verb, verb) == 0 &&
		    (r->nth == 0 || r->nth == n) &&
		    (!r->with || strstr(line, r->with)))
			return r;
	return NULL;
}

/* Answer VERB by its rule or with USUAL. False: this connection is over. */
static bool
peer_answer(struct peer *p, const char *verb, const char *usual, char *ret_code)
{
	const struct smtp_rule *r = server_rule(p->s, verb, p->line);
	const char *say = r ? r->reply : usual;

	*ret_code = say && !(r && r->silent) ? say[0] : '0';
	/* Before the client hears it, or a test might look too early. */
	pthread_mutex_lock(&p->s->lock);
	p->s->seen.mails +=
		strcmp(verb, "DOT") == 0 && *ret_code == '2' && p->rcpts > 0;
	p->s->seen.silences += r && r->silent;
	pthread_mutex_unlock(&p->s->lock);
	if (r && r->silent) {
		while (peer_wait(p))
			;
		return false;
	}
	if (say && !peer_say(p, say))
		return false;
	return !(r && r->close);
}

/* Up to and with the final dot. */
static bool
peer_content(struct peer *p, size_t *ret_len)
{
	size_t from = 0;
	char code;

	if (!peer_answer(p, "BODY", NULL, &code))
		return false;
	for (;;) {
		const char *at = buf_str(&p->in) + from;
		char *dot = memmem(at, p->in.len - from, "\r\n.\r\n", 5);

		if (dot) {
			*ret_len = (size_t)(dot - p->in.data) + 5;
			return true;
		}
		if (p->in.len >= 3 && memcmp(p->in.data, ".\r\n", 3) == 0) {
			*ret_len = 3;
			return true;
		}
		from = p->in.len > 4 ? p->in.len - 4 : 0;
		if (p->s->slow) {
			struct timespec pause = {0, 200 * 1000};

			nanosleep(&pause, NULL);
		}
		if (!peer_wait(p))
			return false;
	}
}

static bool
peer_data(struct peer *p)
{
	size_t len = 0;
	char code;

	if (!peer_answer(p, "DATA",
			 p->rcpts > 0 ? "354 go on\r\n"
				      : "554 5.5.1 no valid recipients\r\n",
			 &code))
		return false;
	if (code != '3')
		return true;
	if (!peer_content(p, &len))
		return false;
	pthread_mutex_lock(&p->s->lock);
	p->s->seen.dots++;
	free(p->s->seen.last);
	p->s->seen.last = xstrndup(p->in.data, len);
	p->s->seen.last_len = len;
	must(buf_append(&p->s->all, p->in.data, len) == 0);
	pthread_mutex_unlock(&p->s->lock);
	buf_consume(&p->in, len);
	if (!p->lmtp)
		return peer_answer(p, "DOT", "250 2.0.0 taken\r\n", &code);
	for (unsigned i = 0; i < p->rcpts; i++)
		if (!peer_answer(p, "DOT", "250 2.0.0 stored\r\n", &code))
			return false;
	return true;
}

static bool
peer_handshake(struct peer *p)
{
	p->ssl = SSL_new(p->s->tls);
	must(p->ssl && SSL_set_fd(p->ssl, p->fd) == 1);
	if (SSL_accept(p->ssl) != 1)
		return false;
	pthread_mutex_lock(&p->s->lock);
	p->s->seen.handshakes++;
	pthread_mutex_unlock(&p->s->lock);
	return true;
}

static bool
peer_starttls(struct peer *p)
{
	char code;

	if (!p->s->tls)
		return peer_say(p, "502 5.5.1 no\r\n");
	if (!peer_answer(p, "STARTTLS", "220 go\r\n", &code))
		return false;
	buf_clear(&p->in);
	return code != '2' || peer_handshake(p);
}

static bool
peer_auth(struct peer *p, const char *line)
{
	char code;

	pthread_mutex_lock(&p->s->lock);
	snprintf(p->s->seen.auth, sizeof(p->s->seen.auth), "%s", line + 5);
	pthread_mutex_unlock(&p->s->lock);
	return peer_answer(p, "AUTH", "235 2.7.0 welcome\r\n", &code);
}

static bool
peer_hello(struct peer *p, const char *line, size_t len)
{
	char code;

	pthread_mutex_lock(&p->s->lock);
	len = len > 5 ? len - 5 : 0;
	if (len >= sizeof(p->s->seen.helo))
		len = sizeof(p->s->seen.helo) - 1;
	memcpy(p->s->seen.helo, line + 5, len);
	p->s->seen.helo[len] = '\0';
	pthread_mutex_unlock(&p->s->lock);
	p->lmtp = strncmp(line, "LHLO", 4) == 0;
	if (strncmp(line, "HELO", 4) != 0)
		return peer_answer(
			p, "EHLO",
			p->s->tls && !p->ssl ? "250-test\r\n250-STARTTLS\r\n"
					       "250-PIPELINING\r\n"
					       "250 AUTH PLAIN XOAUTH2\r\n"
			: p->ssl             ? "250-test\r\n250-PIPELINING\r\n"
					       "250 AUTH PLAIN XOAUTH2\r\n"
					     : "250-test\r\n250-PIPELINING\r\n"
					       "250-SIZE 100000000\r\n250 8BITMIME\r\n",
			&code);
	return peer_answer(p, "HELO", "250 test\r\n", &code);
}

static bool
peer_command(struct peer *p, const char *line, size_t len)
{
	char code;

	if (strncmp(line, "EHLO", 4) == 0 || strncmp(line, "HELO", 4) == 0 ||
	    strncmp(line, "LHLO", 4) == 0)
		return peer_hello(p, line, len);
	if (strcmp(line, "STARTTLS") == 0)
		return peer_starttls(p);
	if (strncmp(line, "AUTH ", 5) == 0)
		return peer_auth(p, line);
	if (strncmp(line, "MAIL", 4) == 0) {
		p->rcpts = 0;
		return peer_answer(p, "MAIL", "250 2.1.0 ok\r\n", &code);
	}
	if (strncmp(line, "RCPT", 4) == 0) {
		bool on = peer_answer(p, "RCPT", "250 2.1.5 ok\r\n", &code);

		p->rcpts += code == '2';
		return on;
	}
	if (strncmp(line, "RSET", 4) == 0)
		return peer_answer(p, "RSET", "250 2.0.0 ok\r\n", &code);
	if (strncmp(line, "QUIT", 4) == 0) {
		pthread_mutex_lock(&p->s->lock);
		p->s->seen.quits++;
		pthread_mutex_unlock(&p->s->lock);
		peer_say(p, "221 bye\r\n");
		return false;
	}
	return peer_say(p, "500 what?\r\n");
}

static void
peer_talk(struct peer *p)
{
	char code;

	p->line = "";
	if (p->s->implicit && !peer_handshake(p))
		return;
	if (!peer_answer(p, "BANNER", "220 test ESMTP\r\n", &code))
		return;
	for (;;) {
		char *end = memmem(buf_str(&p->in), p->in.len, "\r\n", 2);
		char line[1024];
		size_t len;

		if (!end) {
			if (!peer_wait(p))
				return;
			continue;
		}
		len = (size_t)(end - p->in.data);
		must(len < sizeof(line));
		memcpy(line, p->in.data, len);
		line[len] = '\0';
		buf_consume(&p->in, len + 2);
		p->line = line;
		if (strcmp(line, "DATA") == 0 ? !peer_data(p)
					      : !peer_command(p, line, len))
			return;
	}
}

static void *
peer_thread(void *arg)
{
	struct peer *p = arg;

	peer_talk(p);
	SSL_free(p->ssl);
	pthread_mutex_lock(&p->s->lock);
	p->s->now--;
	pthread_mutex_unlock(&p->s->lock);
	close(p->fd);
	buf_done(&p->in);
	return NULL;
}

static void
server_accept(struct smtp_server *s)
{
	struct peer *p = &s->peers[s->npeers];

	must(s->npeers < PEERS_MAX);
	p->fd = accept(s->fd, NULL, NULL);
	if (p->fd < 0)
		return;
	p->s = s;
	buf_init(&p->in, 1 << 26);
	pthread_mutex_lock(&s->lock);
	s->seen.connections++;
	if (++s->now > s->seen.most_at_once)
		s->seen.most_at_once = s->now;
	pthread_mutex_unlock(&s->lock);
	s->npeers++;
	must(pthread_create(&p->thread, NULL, peer_thread, p) == 0);
}

static void *
server_thread(void *arg)
{
	struct smtp_server *s = arg;
	struct pollfd fds[] = {{s->fd, POLLIN, 0}, {s->wake[0], POLLIN, 0}};

	while (poll(fds, 2, -1) > 0 && !fds[1].revents)
		server_accept(s);
	return NULL;
}

int
smtp_server_nobody(int *ret_port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd >= 0 && bind(fd, (struct sockaddr *)&a, len) == 0 &&
	     getsockname(fd, (struct sockaddr *)&a, &len) == 0);
	*ret_port = ntohs(a.sin_port);
	return fd;
}

static void
server_listen(struct smtp_server *s)
{
	s->fd = smtp_server_nobody(&s->port);
	must(listen(s->fd, 64) == 0);
}

static void
server_listen_at(struct smtp_server *s, const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	must(strlen(path) < sizeof(a.sun_path));
	memcpy(a.sun_path, path, strlen(path));
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(s->fd >= 0 && bind(s->fd, (struct sockaddr *)&a, sizeof(a)) == 0 &&
	     listen(s->fd, 64) == 0);
}

/* PATH NULL: at a port. */
static struct smtp_server *
server_start(const struct smtp_rule *rules, bool slow, SSL_CTX *tls,
	     bool implicit, const char *path)
{
	struct smtp_server *s = xcalloc(1, sizeof(*s));

	s->rules = rules;
	s->slow = slow;
	s->tls = tls;
	s->implicit = implicit;
	buf_init(&s->all, 1 << 26);
	if (path != NULL)
		server_listen_at(s, path);
	else
		server_listen(s);
	must(pipe2(s->wake, O_CLOEXEC) == 0);
	must(pthread_mutex_init(&s->lock, NULL) == 0);
	must(pthread_create(&s->thread, NULL, server_thread, s) == 0);
	return s;
}

struct smtp_server *
smtp_server_start(const struct smtp_rule *rules, bool slow)
{
	return server_start(rules, slow, NULL, false, NULL);
}

struct smtp_server *
smtp_server_start_unix(const struct smtp_rule *rules, const char *path)
{
	return server_start(rules, false, NULL, false, path);
}

struct smtp_server *
smtp_server_start_tls(const struct smtp_rule *rules, const char *certificate,
		      const char *key, bool implicit)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

	signal(SIGPIPE, SIG_IGN); /* SSL_write() has no MSG_NOSIGNAL */
	must(tls && SSL_CTX_use_certificate_chain_file(tls, certificate) == 1 &&
	     SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) == 1);
	return server_start(rules, false, tls, implicit, NULL);
}

void
smtp_server_stop(struct smtp_server **sp)
{
	struct smtp_server *s = *sp;

	close(s->wake[1]);
	pthread_join(s->thread, NULL);
	for (size_t i = 0; i < s->npeers; i++)
		pthread_join(s->peers[i].thread, NULL);
	close(s->fd);
	close(s->wake[0]);
	pthread_mutex_destroy(&s->lock);
	free(s->seen.last);
	SSL_CTX_free(s->tls);
	buf_done(&s->all);
	free(s);
	*sp = NULL;
}

int
smtp_server_port(const struct smtp_server *s)
{
	return s->port;
}

char *
smtp_server_all(struct smtp_server *s)
{
	char *all;

	pthread_mutex_lock(&s->lock);
	all = xstrdup(buf_str(&s->all));
	pthread_mutex_unlock(&s->lock);
	return all;
}

struct smtp_seen
smtp_server_seen(struct smtp_server *s)
{
	struct smtp_seen seen;

	pthread_mutex_lock(&s->lock);
	seen = s->seen;
	s->seen.last = NULL;
	pthread_mutex_unlock(&s->lock);
	return seen;
}

struct smtp_seen
smtp_server_counts(struct smtp_server *s)
{
	struct smtp_seen seen = smtp_server_seen(s);

	free(seen.last);
	seen.last = NULL;
	seen.last_len = 0;
	return seen;
}
