/*
 * tls_accept - an accept loop of OpenSSL and epoll alone, for the benchmark:
 * nothing but the handshake between accept and close, and what mail_source
 * waits for.
 *
 *	tls_accept CERTIFICATE KEY
 *
 * Says its port on 127.0.0.1 and serves in one thread until it is killed. After
 * the handshake it says the greeting, and its client's EHLO and QUIT get a
 * reply.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 64

static const char *const words[] = {"220 here\r\n", "250 here\r\n",
				    "221 bye\r\n"};
#define NWORDS (sizeof(words) / sizeof(words[0]))

struct client {
	int fd;
	SSL *ssl;
	size_t said; /* of the words; they always fit the socket */
};

static SSL_CTX *
context_make(const char *certificate, const char *key)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!ctx || SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		errx(1, "%s, %s: no certificate and key", certificate, key);
	/* As belfryd: each one costs the client too. */
	SSL_CTX_set_num_tickets(ctx, 1);
	return ctx;
}

static int
port_listen(void)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(fd, 1024) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) < 0)
		err(1, "listen");
	printf("%d\n", ntohs(at.sin_port));
	fflush(stdout);
	return fd;
}

static void
watch(int epoll, int fd, void *ptr)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = ptr};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		err(1, "epoll_ctl");
}

static void
clients_accept(int epoll, int at, SSL_CTX *ctx)
{
	int fd, on = 1;

	while ((fd = accept4(at, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct client *c = calloc(1, sizeof(*c));

		if (!c || !(c->ssl = SSL_new(ctx)))
			errx(1, "memory");
		c->fd = fd;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		SSL_set_fd(c->ssl, fd);
		watch(epoll, fd, c);
	}
}

static bool
client_says(struct client *c)
{
	const char *word;

	if (c->said == NWORDS)
		return false;
	word = words[c->said++];
	return SSL_write(c->ssl, word, (int)strlen(word)) > 0;
}

/* All that can be done with it now; false: it is over. */
static bool
client_serve(struct client *c)
{
	char line[1024];
	int r;

	ERR_clear_error();
	if (!SSL_is_init_finished(c->ssl)) {
		r = SSL_accept(c->ssl);
		if (r != 1)
			return SSL_get_error(c->ssl, r) == SSL_ERROR_WANT_READ;
		if (!client_says(c))
			return false;
	}
	while ((r = SSL_read(c->ssl, line, sizeof(line))) > 0)
		if (!client_says(c))
			return false;
	return SSL_get_error(c->ssl, r) == SSL_ERROR_WANT_READ;
}

static void
client_end(struct client *c)
{
	SSL_free(c->ssl);
	close(c->fd);
	free(c);
}

int
main(int argc, char **argv)
{
	struct epoll_event event[EVENTS];
	SSL_CTX *ctx;
	int at, epoll, n;

	if (argc != 3)
		errx(64, "usage: tls_accept CERTIFICATE KEY");
	signal(SIGPIPE, SIG_IGN);
	ctx = context_make(argv[1], argv[2]);
	at = port_listen();
	epoll = epoll_create1(0);
	watch(epoll, at, NULL);
	while ((n = epoll_wait(epoll, event, EVENTS, -1)) > 0)
		for (int i = 0; i < n; i++) {
			struct client *c = event[i].data.ptr;

			if (!c)
				clients_accept(epoll, at, ctx);
			else if (!client_serve(c))
				client_end(c);
		}
	err(1, "epoll_wait");
}
