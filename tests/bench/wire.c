#include "wire.h"

#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HELO "EHLO client.example.org\r\n"

struct wire {
	int fd;
	SSL *ssl; /* NULL: plain */
	char reply[WIRE_REPLY_MAX + 1];
	size_t len;
};

static SSL_CTX *wire_context;
static pthread_once_t wire_once = PTHREAD_ONCE_INIT;

static void
wire_context_make(void)
{
	wire_context = SSL_CTX_new(TLS_client_method());
	if (!wire_context)
		errx(1, "no TLS");
	SSL_CTX_set_mode(wire_context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(wire_context, SSL_SESS_CACHE_OFF);
}

static int
wire_connect(int port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int on = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		err(1, "port %d", port);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void
wire_tls_start(struct wire *w)
{
	pthread_once(&wire_once, wire_context_make);
	w->ssl = SSL_new(wire_context);
	if (!w->ssl || SSL_set_fd(w->ssl, w->fd) != 1 ||
	    SSL_connect(w->ssl) != 1) {
		ERR_print_errors_fp(stderr);
		errx(1, "no TLS handshake");
	}
}

bool
wire_reply_is_whole(const char *reply, size_t len)
{
	const char *line, *end;

	if (len < 5 || reply[len - 1] != '\n')
		return false;
	end = memrchr(reply, '\n', len - 1);
	line = end ? end + 1 : reply;
	return reply + len - line > 4 && line[3] == ' ';
}

static ssize_t
wire_recv(struct wire *w, char *data, size_t size)
{
	if (w->ssl)
		return SSL_read(w->ssl, data, (int)size);
	return recv(w->fd, data, size, 0);
}

static ssize_t
wire_send(struct wire *w, const char *data, size_t len)
{
	if (w->ssl)
		return SSL_write(w->ssl, data, (int)len);
	return send(w->fd, data, len, MSG_NOSIGNAL);
}

static void
wire_expect(struct wire *w, char kind)
{
	w->len = 0;
	do {
		ssize_t n = wire_recv(w, w->reply + w->len,
				      WIRE_REPLY_MAX - w->len);

		if (n <= 0)
			errx(1, "the server has closed the connection");
		w->len += (size_t)n;
	} while (!wire_reply_is_whole(w->reply, w->len));
	w->reply[w->len] = '\0';
	if (w->reply[0] != kind)
		errx(1, "not %cxx but %s", kind, w->reply);
}

void
wire_say(struct wire *w, const char *text, size_t len, char kind)
{
	while (len > 0) {
		ssize_t n = wire_send(w, text, len);

		if (n <= 0)
			errx(1, "the server takes no more");
		text += n;
		len -= (size_t)n;
	}
	wire_expect(w, kind);
}

static void
wire_starttls(struct wire *w)
{
	static const char starttls[] = "STARTTLS\r\n";

	wire_say(w, HELO, strlen(HELO), '2');
	wire_say(w, starttls, strlen(starttls), '2');
	wire_tls_start(w);
}

struct wire *
wire_open(int port, enum wire_tls tls)
{
	struct wire *w = calloc(1, sizeof(*w));

	if (!w)
		err(1, "memory");
	w->fd = wire_connect(port);
	if (tls == WIRE_IMPLICIT)
		wire_tls_start(w);
	wire_expect(w, '2');
	if (tls == WIRE_STARTTLS)
		wire_starttls(w);
	wire_say(w, HELO, strlen(HELO), '2');
	return w;
}

const char *
wire_reply(const struct wire *w)
{
	return w->reply;
}

void
wire_close(struct wire **wp)
{
	struct wire *w = *wp;

	*wp = NULL;
	SSL_free(w->ssl);
	close(w->fd);
	free(w);
}
