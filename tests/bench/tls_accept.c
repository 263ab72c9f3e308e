/*
 * tls_accept - OpenSSL's own accept loop, for the benchmark: nothing but the
 * handshake between accept and close, and what mail_source waits for.
 *
 *	tls_accept CERTIFICATE KEY
 *
 * Says its port on 127.0.0.1, and takes one connection after the other until it
 * is killed. After the handshake it says the greeting, and its client's EHLO and
 * QUIT get a reply.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static SSL_CTX *
context_make(const char *certificate, const char *key)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!ctx || SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		errx(1, "%s, %s: no certificate and key", certificate, key);
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
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(fd, 1024) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) < 0)
		err(1, "listen");
	printf("%d\n", ntohs(at.sin_port));
	fflush(stdout);
	return fd;
}

static void
client_serve(SSL *ssl)
{
	static const char *const words[] = {"220 here\r\n", "250 here\r\n",
					    "221 bye\r\n"};
	char line[1024];

	for (size_t i = 0; i < 3; i++)
		if (SSL_write(ssl, words[i], (int)strlen(words[i])) <= 0 ||
		    SSL_read(ssl, line, sizeof(line)) <= 0)
			return;
}

int
main(int argc, char **argv)
{
	SSL_CTX *ctx;
	int at, fd, on = 1;

	if (argc != 3)
		errx(64, "usage: tls_accept CERTIFICATE KEY");
	signal(SIGPIPE, SIG_IGN);
	ctx = context_make(argv[1], argv[2]);
	at = port_listen();
	while ((fd = accept(at, NULL, NULL)) >= 0) {
		SSL *ssl = SSL_new(ctx);

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		SSL_set_fd(ssl, fd);
		if (SSL_accept(ssl) == 1)
			client_serve(ssl);
		SSL_free(ssl);
		close(fd);
	}
	err(1, "accept");
}
