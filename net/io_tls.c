#include <errno.h>
#include <event2/buffer.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "net/io_impl.h"
#include "net/tls_impl.h"

#define IO_TLS_RECORD SSL3_RT_MAX_PLAIN_LENGTH
#define IO_TLS_TURN   (256 * 1024) /* written at most with one readiness */
#define IO_TLS_TAKE   (64 * 1024)  /* read at most with one, ciphered */

struct io_tls {
	SSL *ssl;                  /* owned */
	struct tls_server *server; /* owned reference; NULL: a client */
	char *name;                /* owned; whom a client asked for, or NULL */
	struct evbuffer *before;   /* owned; output in clear, or NULL */
	bool open;                 /* the handshake is over */
	bool said_bye, bio_eof;
	int bio_error; /* errno of the socket's last call that failed */
	size_t taken;  /* from the socket in this turn */
	/* Why reading stopped behind bytes that were told first. */
	bool stopped;
	ssize_t stop;
	bool more; /* input has left the kernel and waits here */
	bool posted;
	struct post go_on;
	char text[400]; /* why it failed; "" */
};

/* --- between OpenSSL and the socket ---------------------------------------- */

static int
io_bio_write(BIO *bio, const char *data, int len)
{
	struct io *io = BIO_get_data(bio);
	struct iovec iov = {(void *)(uintptr_t)data, (size_t)len};
	ssize_t n = io_send(io, &iov, 1);

	BIO_clear_retry_flags(bio);
	if (n > 0)
		return (int)n;
	if (n == 0)
		BIO_set_retry_write(bio);
	else
		io->tls->bio_error = (int)-n;
	return -1;
}

static int
io_bio_read(BIO *bio, char *data, int max)
{
	struct io *io = BIO_get_data(bio);
	struct io_tls *tls = io->tls;
	ssize_t n;

	BIO_clear_retry_flags(bio);
	n = tls->taken < IO_TLS_TAKE ? io_recv(io, data, (size_t)max) : -EAGAIN;
	tls->taken += n > 0 ? (size_t)n : 0;
	if (n == -EAGAIN)
		BIO_set_retry_read(bio);
	else if (n < 0)
		tls->bio_error = (int)-n;
	else if (n == 0)
		tls->bio_eof = true;
	return n < 0 ? -1 : (int)n;
}

static long
io_bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	const struct io *io = BIO_get_data(bio);

	(void)num;
	(void)ptr;
	switch (cmd) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_EOF:
		return io->tls->bio_eof;
	default:
		return 0;
	}
}

static BIO_METHOD *io_bio_method;

static void
io_bio_init(void)
{
	int type = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK;

	io_bio_method = BIO_meth_new(type, "io");
	must(io_bio_method != NULL &&
	     BIO_meth_set_write(io_bio_method, io_bio_write) == 1 &&
	     BIO_meth_set_read(io_bio_method, io_bio_read) == 1 &&
	     BIO_meth_set_ctrl(io_bio_method, io_bio_ctrl) == 1);
}

static BIO *
io_bio_new(struct io *io)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	BIO *bio;

	must(pthread_once(&once, io_bio_init) == 0);
	bio = BIO_new(io_bio_method);
	must(bio != NULL);
	BIO_set_data(bio, io);
	BIO_set_init(bio, 1);
	return bio;
}

/* --- what went wrong ---------------------------------------------------------- */

static void
io_tls_say_names(struct io_tls *tls, X509 *cert)
{
	size_t n, at;
	char **names;

	tls_cert_names(cert, &names, &n);
	snprintf(tls->text, sizeof(tls->text),
		 "the certificate is not for %s%s", tls->name,
		 n == 0 ? "" : " but for ");
	for (size_t i = 0; i < n; i++) {
		at = strlen(tls->text);
		snprintf(tls->text + at, sizeof(tls->text) - at, "%s%s",
			 i > 0 ? ", " : "", names[i]);
	}
	tls_names_free(names, n);
}

/* The certificate is gone when the handshake has failed by it. */
static int
io_tls_look(int ok, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(
		store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct io_tls *tls = SSL_get_app_data(ssl);
	int error = X509_STORE_CTX_get_error(store);

	if (ok || SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE)
		return ok;
	if (error == X509_V_ERR_HOSTNAME_MISMATCH ||
	    error == X509_V_ERR_IP_ADDRESS_MISMATCH)
		io_tls_say_names(tls, X509_STORE_CTX_get_current_cert(store));
	else
		snprintf(tls->text, sizeof(tls->text),
			 "the certificate is not believed: %s",
			 X509_verify_cert_error_string(error));
	return ok;
}

static int
io_tls_protocol_error(struct io_tls *tls)
{
	unsigned long e = ERR_peek_error();
	const char *reason = ERR_reason_error_string(e);

	if (ERR_GET_REASON(e) == SSL_R_CERTIFICATE_VERIFY_FAILED)
		return -EKEYREJECTED;
	if (ERR_GET_REASON(e) == SSL_R_WRONG_VERSION_NUMBER && !tls->open)
		reason = "the peer does not speak TLS";
	snprintf(tls->text, sizeof(tls->text), "TLS: %s",
		 reason != NULL ? reason : "unknown error");
	return -EPROTO;
}

/* R of a call of OpenSSL: -EAGAIN when it wants to read, 0 when it wants to
 * write, -EPIPE at the end, else why it failed. */
static int
io_tls_why(struct io_tls *tls, int r)
{
	int error = tls->bio_error;

	switch (SSL_get_error(tls->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		return -EPIPE;
	case SSL_ERROR_SSL:
		return io_tls_protocol_error(tls);
	default:
		return error != 0 ? -error : -EPIPE;
	}
}

const char *
io_error_text(const struct io *io)
{
	return io->tls != NULL && io->tls->text[0] != '\0'
		       ? io->tls->text
		       : strerror(io->error);
}

/* --- the handshake ------------------------------------------------------------- */

static void
io_tls_fail(struct io *io, int error)
{
	if (error == EPIPE && io->tls->text[0] == '\0') {
		error = ECONNRESET;
		snprintf(io->tls->text, sizeof(io->tls->text),
			 "the peer closed in the middle of the TLS handshake");
	}
	io_set_error(io, error);
	io_tell(io, IO_FAILED);
}

/* What was said in clear goes first: 1 once it has, 0 while the kernel is full,
 * or -errno. */
static ssize_t
io_tls_send_before(struct io *io)
{
	struct evbuffer *before = io->tls->before;
	size_t len = before != NULL ? evbuffer_get_length(before) : 0;
	struct iovec iov = {NULL, len};
	ssize_t n;

	if (len == 0)
		return 1;
	iov.iov_base = evbuffer_pullup(before, -1);
	n = io_send(io, &iov, 1);
	if (n < 0)
		return n;
	evbuffer_drain(before, (size_t)n);
	return (size_t)n == len;
}

static void
io_tls_opened(struct io *io)
{
	struct io_tls *tls = io->tls;

	tls->open = true;
	io->connecting = false;
	tls_server_unref(&tls->server);
	if (io_output_len(io) > 0)
		io_arm_write(io);
	else
		io_disarm_write(io);
	io_arm_read(io);
	tls->more = SSL_has_pending(tls->ssl);
	io_tell(io, IO_CONNECTED);
	if (!io_is_closed(io))
		io_tls_go_on(io);
}

void
io_tls_shake(struct io *io)
{
	struct io_tls *tls = io->tls;
	ssize_t n = io_tls_send_before(io);
	int r;

	if (n < 0) {
		io_tls_fail(io, (int)-n);
		return;
	}
	if (n == 0) {
		io_disarm_read(io);
		io_arm_write(io);
		return;
	}
	ERR_clear_error();
	tls->bio_error = 0;
	tls->taken = 0;
	r = SSL_do_handshake(tls->ssl);
	if (r == 1) {
		io_tls_opened(io);
		return;
	}
	r = io_tls_why(tls, r);
	if (r == -EAGAIN) {
		io_disarm_write(io);
		io_arm_read(io);
	} else if (r == 0) {
		io_disarm_read(io);
		io_arm_write(io);
	} else {
		io_tls_fail(io, -r);
	}
}

static size_t
io_tls_start(struct io *io, SSL *ssl)
{
	struct io_tls *tls = xcalloc(1, sizeof(*tls));
	size_t clear = evbuffer_get_length(io->input);
	BIO *bio;

	must(!io_is_closed(io) && io->tls == NULL && !io->connecting);
	io->tls = tls;
	tls->ssl = ssl;
	bio = io_bio_new(io);
	SSL_set_bio(ssl, bio, bio);
	evbuffer_drain(io->input, clear);
	if (io_output_len(io) > 0) {
		tls->before = io->output;
		io->output = evbuffer_new();
		must(io->output != NULL);
	}
	io->drain_due = false;
	io->connecting = true;
	if (io->error == 0) /* else it will be told */
		io_arm_write(io);
	return clear;
}

size_t
io_start_tls_server(struct io *io, struct tls_server *server,
		    struct tls_tickets *tickets)
{
	size_t clear = io_tls_start(io, tls_server_connection(server, tickets));

	io->tls->server = tls_server_ref(server);
	return clear;
}

size_t
io_start_tls_client(struct io *io, struct tls_client *client, const char *name,
		    bool verify)
{
	SSL *ssl = tls_client_connection(client, name);
	size_t clear = io_tls_start(io, ssl);

	SSL_set_app_data(ssl, io->tls);
	SSL_set_verify(ssl, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
		       io_tls_look);
	if (name != NULL)
		io->tls->name = xstrdup(name);
	return clear;
}

/* --- bytes --------------------------------------------------------------------- */

static ssize_t
io_tls_read_stopped(struct io *io, int r)
{
	int why = io_tls_why(io->tls, r);

	if (why == 0) {
		/* Not before it has written something of its own. */
		io->read_waits = true;
		io_disarm_read(io);
		io_arm_write(io);
		return -EAGAIN;
	}
	return why == -EPIPE ? 0 : why;
}

/* As many records as there are, but a bounded amount. A record that fills
 * nothing is the last of what was said: no call for what is not there. */
ssize_t
io_tls_receive(struct io *io, char *data, size_t max)
{
	struct io_tls *tls = io->tls;
	size_t got = 0;
	ssize_t stop;
	int n;

	if (tls->stopped)
		return tls->stop;
	ERR_clear_error();
	tls->bio_error = 0;
	tls->taken = 0;
	tls->more = false;
	do {
		n = SSL_read(tls->ssl, data + got, (int)(max - got));
		got += n > 0 ? (size_t)n : 0;
	} while (n > 0 && got < max &&
		 (n == IO_TLS_RECORD || SSL_has_pending(tls->ssl)));
	if (n > 0) {
		tls->more = SSL_has_pending(tls->ssl);
		return (ssize_t)got;
	}
	stop = io_tls_read_stopped(io, n);
	if (stop == -EAGAIN && got == 0 && tls->taken >= IO_TLS_TAKE) {
		/* New keys, or new handshakes, without end: OpenSSL would never
		 * return. */
		snprintf(tls->text, sizeof(tls->text),
			 "TLS: records without end that hold no data");
		return -EPROTO;
	}
	if (got == 0 || stop == -EAGAIN)
		return got == 0 ? stop : (ssize_t)got;
	tls->stopped = tls->more = true;
	tls->stop = stop;
	return (ssize_t)got;
}

static void
io_tls_again(void *arg)
{
	struct io *io = arg;

	io->tls->posted = false;
	if (io_is_closed(io) || io->error != 0 || io->eof || io->paused ||
	    io->drains || !io->tls->more)
		return;
	io_read_turn(io);
}

void
io_tls_go_on(struct io *io)
{
	struct io_tls *tls = io->tls;

	if (!tls->more || tls->posted || !tls->open)
		return;
	tls->posted = true;
	loop_defer(io->loop, &tls->go_on, io_tls_again, io);
}

/* Bytes taken of one record, 0 when the kernel is full, or -errno. What was not
 * taken comes again, with more behind it perhaps. */
static ssize_t
io_tls_put(struct io *io, const char *data, size_t len)
{
	struct io_tls *tls = io->tls;
	int n, why;

	ERR_clear_error();
	tls->bio_error = 0;
	n = SSL_write(tls->ssl, data,
		      (int)(len < IO_TLS_RECORD ? len : IO_TLS_RECORD));
	if (n > 0)
		return n;
	why = io_tls_why(tls, n);
	if (why == -EAGAIN) {
		io->send_waits = true;
		io_disarm_write(io);
		io_arm_read(io);
		return 0;
	}
	return why;
}

ssize_t
io_tls_send(struct io *io, const char *data, size_t len)
{
	size_t sent = 0;
	ssize_t n = 1;

	while (n > 0 && sent < len && sent < IO_TLS_TURN) {
		n = io_tls_put(io, data + sent, len - sent);
		sent += n > 0 ? (size_t)n : 0;
	}
	return n < 0 ? n : (ssize_t)sent;
}

ssize_t
io_tls_flush(struct io *io)
{
	char record[IO_TLS_RECORD];
	size_t sent = 0, len;
	ssize_t n = 1;

	while (n > 0 && sent < IO_TLS_TURN &&
	       (len = evbuffer_get_length(io->output)) > 0) {
		const char *data = record;

		if (len > sizeof(record))
			len = sizeof(record);
		if (evbuffer_get_contiguous_space(io->output) >= len)
			data = (char *)evbuffer_pullup(io->output,
						       (ev_ssize_t)len);
		else
			evbuffer_copyout(io->output, record, len);
		n = io_tls_put(io, data, len);
		if (n > 0)
			evbuffer_drain(io->output, (size_t)n);
		sent += n > 0 ? (size_t)n : 0;
	}
	return n < 0 ? n : (ssize_t)sent;
}

/* --- the end -------------------------------------------------------------------- */

/* Not after a failure, nor where something is missing before it. */
void
io_tls_bye(struct io *io)
{
	struct io_tls *tls = io->tls;

	if (!tls->open || tls->said_bye || io->error != 0 ||
	    (tls->stopped && tls->stop < 0) || io_output_len(io) > 0)
		return;
	tls->said_bye = true;
	ERR_clear_error();
	SSL_shutdown(tls->ssl);
	ERR_clear_error();
}

void
io_tls_free(struct io *io)
{
	struct io_tls *tls = io->tls;

	if (tls == NULL)
		return;
	SSL_free(tls->ssl);
	tls_server_unref(&tls->server);
	if (tls->before != NULL)
		evbuffer_free(tls->before);
	free(tls->name);
	free(tls);
}

SSL *
io_tls_ssl(const struct io *io)
{
	return io->tls != NULL ? io->tls->ssl : NULL;
}
