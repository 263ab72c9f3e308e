/*
 * The same few events over TLS: what is read, written, kept, paused and closed
 * behaves as it does in clear; what came before the handshake is no part of it.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/io_impl.h"
#include "net/tls_impl.h"
#include "tests/unit/test.h"
#include "tests/unit/tls_kit.h"

#define BIG (3 * 1024 * 1024) /* more than the kernel takes */

static void
check_talk(struct tls_kit *k, const char *version)
{
	struct tls_session s;

	io_write(k->client.io, "EHLO", 4);
	tls_kit_expect(k, &k->server, "EHLO");
	io_write(k->server.io, "250", 3);
	tls_kit_expect(k, &k->client, "250");
	assert_true(io_tls_session(k->server.io, &s));
	assert_string_equal(s.version, version);
	assert_non_null(strstr(s.cipher, "GCM"));
	assert_true(s.bits >= 128);
}

static void
test_talk_1_3(void **state)
{
	struct tls_kit *k = *state;

	tls_kit_open(k);
	check_talk(k, "TLSv1.3");
}

static void
test_talk_1_2(void **state)
{
	struct tls_kit *k = *state;

	tls_kit_contexts(k, TLS_VERSION_1_2);
	io_start_tls_client(k->client.io, k->client_tls, "a.example", true);
	SSL_set_max_proto_version(io_tls_ssl(k->client.io), TLS1_2_VERSION);
	io_start_tls_server(k->server.io, k->server_tls, NULL);
	assert_true(tls_kit_wait(k, &k->client, IO_CONNECTED, 5000));
	check_talk(k, "TLSv1.2");
}

/* A server that wants 1.3 and a client that has 1.2. */
static void
test_version_too_old(void **state)
{
	struct tls_kit *k = *state;

	tls_kit_contexts(k, TLS_VERSION_1_3);
	io_start_tls_client(k->client.io, k->client_tls, "a.example", true);
	SSL_set_max_proto_version(io_tls_ssl(k->client.io), TLS1_2_VERSION);
	io_start_tls_server(k->server.io, k->server_tls, NULL);
	assert_true(tls_kit_wait(k, &k->server, IO_FAILED, 5000));
	assert_int_equal(io_error(k->server.io), EPROTO);
	assert_string_equal(io_error_text(k->server.io),
			    "TLS: unsupported protocol");
	assert_true(tls_kit_wait(k, &k->client, IO_FAILED, 5000));
	assert_int_equal(io_error(k->client.io), EPROTO);
}

static void
test_plain_has_no_session(void **state)
{
	struct tls_kit *k = *state;
	struct tls_session s;
	struct tls_peer p;

	assert_false(io_tls_session(k->server.io, &s));
	assert_int_equal(io_tls_peer(k->server.io, &p), -ENOENT);
}

/* What came in clear must not be taken for what comes encrypted. */
static void
test_clear_input_is_thrown_away(void **state)
{
	struct tls_kit *k = *state;

	tls_kit_contexts(k, TLS_VERSION_1_2);
	io_write(k->client.io, "RSET\r\n", 6);
	assert_true(tls_kit_wait(k, &k->server, IO_INPUT, 5000));
	assert_int_equal(io_start_tls_server(k->server.io, k->server_tls, NULL),
			 6);
	io_start_tls_client(k->client.io, k->client_tls, "a.example", true);
	assert_true(tls_kit_wait(k, &k->client, IO_CONNECTED, 5000));
	io_write(k->client.io, "EHLO", 4);
	tls_kit_expect(k, &k->server, "EHLO");
}

/* The same, but the kernel still has it: it is no handshake. */
static void
test_clear_input_in_the_kernel_fails(void **state)
{
	struct tls_kit *k = *state;

	tls_kit_contexts(k, TLS_VERSION_1_2);
	io_write(k->client.io, "RSET\r\n", 6);
	assert_int_equal(io_start_tls_server(k->server.io, k->server_tls, NULL),
			 0);
	assert_true(tls_kit_wait(k, &k->server, IO_FAILED, 5000));
	assert_int_equal(io_error(k->server.io), EPROTO);
	assert_int_equal(k->server.told[IO_INPUT], 0);
	assert_string_equal(io_error_text(k->server.io),
			    "TLS: the peer does not speak TLS");
}

/* Our 220 is in clear even when the kernel was full of what came before. */
static void
test_last_words_in_clear(void **state)
{
	struct tls_kit *k = *state;

	tls_kit_contexts(k, TLS_VERSION_1_2);
	k->client.takes = k->client.pattern = true;
	io_pause_input(k->client.io);
	tls_kit_pattern(k->server.io, 0, BIG);
	assert_true(io_output_len(k->server.io) > 0);
	io_start_tls_server(k->server.io, k->server_tls, NULL);
	io_resume_input(k->client.io);
	while (k->client.taken < BIG)
		assert_true(tls_kit_wait(k, &k->client, IO_INPUT, 5000));
	k->client.takes = false;
	io_start_tls_client(k->client.io, k->client_tls, "a.example", true);
	assert_true(tls_kit_wait(k, &k->client, IO_CONNECTED, 5000));
	io_write(k->server.io, "250", 3);
	tls_kit_expect(k, &k->client, "250");
}

/* Written during the handshake: told behind it. */
static void
test_writes_wait_for_the_handshake(void **state)
{
	struct tls_kit *k = *state;

	tls_kit_contexts(k, TLS_VERSION_1_2);
	io_start_tls_server(k->server.io, k->server_tls, NULL);
	io_write(k->server.io, "220 early", 9);
	assert_int_equal(io_output_len(k->server.io), 9);
	io_start_tls_client(k->client.io, k->client_tls, "a.example", true);
	tls_kit_expect(k, &k->client, "220 early");
}

static void
check_much(struct tls_kit *k, struct tls_end *from, struct tls_end *to)
{
	const size_t half = BIG / 2;

	to->takes = to->pattern = true;
	tls_kit_pattern(from->io, 0, half);
	assert_true(io_output_len(from->io) > 0);
	io_cork(from->io);
	tls_kit_pattern(from->io, half, half);
	io_uncork(from->io);
	while (to->taken < BIG)
		assert_true(tls_kit_wait(k, to, IO_INPUT, 5000));
	tls_kit_turns(k, 10);
	assert_int_equal(io_output_len(from->io), 0);
	assert_int_equal(from->told[IO_DRAINED], 1);
	assert_true(to->most <= IO_READ_MAX);
	assert_true(to->most > 16384); /* and not one record a turn */
}

static void
test_much_both_ways(void **state)
{
	struct tls_kit *k = *state;

	tls_kit_open(k);
	check_much(k, &k->server, &k->client);
	check_much(k, &k->client, &k->server);
}

/* The reader pauses while records that were read wait inside OpenSSL. */
static void
test_pause_keeps_what_is_inside(void **state)
{
	struct tls_kit *k = *state;
	size_t before;

	tls_kit_open(k);
	tls_kit_pattern(k->client.io, 0, BIG);
	assert_true(tls_kit_wait(k, &k->server, IO_INPUT, 5000));
	io_pause_input(k->server.io);
	before = evbuffer_get_length(io_input(k->server.io));
	assert_true(before <= IO_READ_MAX);
	tls_kit_turns(k, 20);
	assert_int_equal(evbuffer_get_length(io_input(k->server.io)), before);
	k->server.takes = k->server.pattern = true;
	io_resume_input(k->server.io);
	while (k->server.taken < BIG)
		assert_true(tls_kit_wait(k, &k->server, IO_INPUT, 5000));
}

/* All of it is in one segment, and the kernel has nothing left to wake us. */
static void
test_what_came_with_the_handshake(void **state)
{
	struct tls_kit *k = *state;

	tls_kit_contexts(k, TLS_VERSION_1_2);
	io_write(k->client.io, "", 0);
	io_start_tls_client(k->client.io, k->client_tls, "a.example", true);
	io_write(k->client.io, "EHLO", 4);
	io_start_tls_server(k->server.io, k->server_tls, NULL);
	io_pause_input(k->server.io);
	assert_true(tls_kit_wait(k, &k->server, IO_CONNECTED, 5000));
	tls_kit_turns(k, 10);
	assert_int_equal(k->server.told[IO_INPUT], 0);
	io_resume_input(k->server.io);
	tls_kit_expect(k, &k->server, "EHLO");
}

static void
test_cork_makes_one_record(void **state)
{
	struct tls_kit *k = *state;

	tls_kit_open(k);
	io_cork(k->server.io);
	io_write(k->server.io, "one ", 4);
	io_write(k->server.io, "two", 3);
	assert_int_equal(io_output_len(k->server.io), 7);
	io_uncork(k->server.io);
	assert_int_equal(io_output_len(k->server.io), 0);
	assert_true(tls_kit_wait(k, &k->client, IO_INPUT, 5000));
	tls_kit_expect(k, &k->client, "one two");
	assert_int_equal(k->client.told[IO_INPUT], 1);
	assert_int_equal(k->server.told[IO_DRAINED], 0);
}

/* close_notify ends one direction; the last words before it are heard. */
static void
test_close_notify_is_the_end(void **state)
{
	struct tls_kit *k = *state;

	tls_kit_open(k);
	io_write(k->client.io, "QUIT", 4);
	SSL_shutdown(io_tls_ssl(k->client.io));
	assert_true(tls_kit_wait(k, &k->server, IO_EOF, 5000));
	tls_kit_expect(k, &k->server, "QUIT");
	io_write(k->server.io, "221", 3);
	tls_kit_expect(k, &k->client, "221");
	assert_int_equal(k->server.told[IO_EOF], 1);
	assert_int_equal(k->server.told[IO_FAILED], 0);
}

/* Many just close. */
static void
test_end_without_close_notify(void **state)
{
	struct tls_kit *k = *state;

	tls_kit_open(k);
	io_write(k->client.io, "QUIT", 4);
	shutdown(io_fd(k->client.io), SHUT_WR);
	assert_true(tls_kit_wait(k, &k->server, IO_EOF, 5000));
	tls_kit_expect(k, &k->server, "QUIT");
}

static void
test_close_says_close_notify(void **state)
{
	struct tls_kit *k = *state;

	tls_kit_open(k);
	io_close(&k->server.io);
	assert_true(tls_kit_wait(k, &k->client, IO_EOF, 5000));
	assert_int_equal(SSL_get_shutdown(io_tls_ssl(k->client.io)),
			 SSL_RECEIVED_SHUTDOWN);
}

static void
test_close_after_write(void **state)
{
	struct tls_kit *k = *state;

	tls_kit_open(k);
	k->client.takes = k->client.pattern = true;
	tls_kit_pattern(k->server.io, 0, BIG);
	io_close_after_write(&k->server.io, 60000);
	assert_null(k->server.io);
	while (k->client.told[IO_EOF] == 0)
		assert_true(tls_kit_wait(k, &k->client, IO_EOF, 5000));
	assert_int_equal(k->client.taken, BIG);
}

static void
count_closed(void *arg)
{
	(*(int *)arg)++;
}

/* The peer goes on sending, and hears what was said to its end. */
static void
test_hang_up_hears_the_peer_out(void **state)
{
	struct tls_kit *k = *state;
	int closed = 0;

	tls_kit_open(k);
	io_on_close(k->server.io, count_closed, &closed);
	io_write(k->client.io, "DATA", 4);
	io_write(k->server.io, "421 bye", 7);
	io_hang_up(&k->server.io, 60000);
	io_write(k->client.io, "more", 4);
	assert_true(tls_kit_wait(k, &k->client, IO_EOF, 5000));
	tls_kit_expect(k, &k->client, "421 bye");
	io_write(k->client.io, "more", 4);
	tls_kit_turns(k, 5);
	assert_int_equal(closed, 0);
	io_close(&k->client.io);
	tls_kit_turns(k, 5);
	assert_int_equal(closed, 1);
}

static void
test_hang_up_in_the_handshake(void **state)
{
	struct tls_kit *k = *state;
	int closed = 0;

	tls_kit_contexts(k, TLS_VERSION_1_2);
	io_on_close(k->server.io, count_closed, &closed);
	io_start_tls_server(k->server.io, k->server_tls, NULL);
	io_write(k->server.io, "220", 3);
	tls_kit_turns(k, 5);
	io_hang_up(&k->server.io, 60000);
	assert_int_equal(closed, 1);
}

static void
test_deadline_in_the_handshake(void **state)
{
	struct tls_kit *k = *state;

	tls_kit_contexts(k, TLS_VERSION_1_2);
	io_start_tls_server(k->server.io, k->server_tls, NULL);
	io_set_deadline(k->server.io, 5);
	assert_true(tls_kit_wait(k, &k->server, IO_DEADLINE, 5000));
	assert_int_equal(k->server.told[IO_CONNECTED], 0);
}

static void
test_closed_in_the_handshake(void **state)
{
	struct tls_kit *k = *state;

	tls_kit_contexts(k, TLS_VERSION_1_2);
	io_start_tls_server(k->server.io, k->server_tls, NULL);
	io_close(&k->client.io);
	assert_true(tls_kit_wait(k, &k->server, IO_FAILED, 5000));
	assert_int_equal(io_error(k->server.io), ECONNRESET);
	assert_string_equal(
		io_error_text(k->server.io),
		"the peer closed in the middle of the TLS handshake");
}

static void
test_write_to_who_is_gone(void **state)
{
	struct tls_kit *k = *state;

	tls_kit_open(k);
	io_write(k->client.io, "421 bye", 7);
	io_close(&k->client.io);
	io_write(k->server.io, "x", 1); /* EPIPE, without a signal */
	assert_int_equal(k->server.told[IO_FAILED], 0);
	assert_true(tls_kit_wait(k, &k->server, IO_FAILED, 5000));
	assert_int_equal(io_error(k->server.io), EPIPE);
	tls_kit_expect(k, &k->server, "421 bye");
}

/* A byte of a record is changed on its way. */
static void
test_damaged_record(void **state)
{
	static const unsigned char record[] = {23, 3, 3, 0, 20, 1, 2, 3, 4,
					       5,  6, 7, 8, 9,  0, 1, 2, 3,
					       4,  5, 6, 7, 8,  9, 0};
	struct tls_kit *k = *state;

	tls_kit_open(k);
	io_write(k->client.io, "good", 4);
	assert_int_equal(write(io_fd(k->client.io), record, sizeof(record)),
			 sizeof(record));
	assert_true(tls_kit_wait(k, &k->server, IO_FAILED, 5000));
	assert_int_equal(io_error(k->server.io), EPROTO);
	assert_non_null(strstr(io_error_text(k->server.io), "TLS: "));
	tls_kit_expect(k, &k->server, "good");
}

static void
test_renegotiation_is_refused(void **state)
{
	struct tls_kit *k = *state;

	tls_kit_contexts(k, TLS_VERSION_1_2);
	io_start_tls_client(k->client.io, k->client_tls, "a.example", true);
	SSL_set_max_proto_version(io_tls_ssl(k->client.io), TLS1_2_VERSION);
	SSL_clear_options(io_tls_ssl(k->client.io), SSL_OP_NO_RENEGOTIATION);
	io_start_tls_server(k->server.io, k->server_tls, NULL);
	assert_true(tls_kit_wait(k, &k->client, IO_CONNECTED, 5000));
	assert_int_equal(SSL_renegotiate(io_tls_ssl(k->client.io)), 1);
	SSL_do_handshake(io_tls_ssl(k->client.io));
	assert_true(tls_kit_wait(k, &k->client, IO_FAILED, 5000));
	assert_int_equal(k->server.told[IO_CONNECTED], 1);
}

/* New keys both ways, in the middle of much. */
static void
test_key_updates(void **state)
{
	struct tls_kit *k = *state;
	SSL *client;

	tls_kit_open(k);
	client = io_tls_ssl(k->client.io);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(
			SSL_key_update(client, SSL_KEY_UPDATE_REQUESTED), 1);
		io_write(k->client.io, "NOOP", 4);
		tls_kit_expect(k, &k->server, "NOOP");
		io_write(k->server.io, "250", 3);
		tls_kit_expect(k, &k->client, "250");
	}
	check_much(k, &k->client, &k->server);
}

/* OpenSSL returns only when no more is there: one client could keep a loop for
 * as long as it sends. */
static void
test_records_without_data(void **state)
{
	struct tls_kit *k = *state;
	BIO *mem = BIO_new(BIO_s_mem());
	struct iovec iov;
	char *data;
	SSL *client;

	tls_kit_open(k);
	client = io_tls_ssl(k->client.io);
	assert_int_equal(BIO_up_ref(mem), 1);
	SSL_set0_wbio(client, mem);
	for (int i = 0; i < 4000; i++) {
		assert_int_equal(
			SSL_key_update(client, SSL_KEY_UPDATE_NOT_REQUESTED),
			1);
		assert_int_equal(SSL_do_handshake(client), 1);
	}
	iov.iov_len = (size_t)BIO_get_mem_data(mem, &data);
	iov.iov_base = data;
	assert_true(iov.iov_len > IO_READ_MAX);
	assert_int_equal(io_send(k->client.io, &iov, 1), iov.iov_len);
	assert_true(tls_kit_wait(k, &k->server, IO_FAILED, 5000));
	assert_string_equal(io_error_text(k->server.io),
			    "TLS: records without end that hold no data");
	BIO_free(mem);
}

/* In the middle of the owner's own callback. */
static void
test_close_from_within(void **state)
{
	struct tls_kit *k = *state;

	tls_kit_open(k);
	tls_kit_pattern(k->client.io, 0, BIG / 2);
	assert_true(tls_kit_wait(k, &k->server, IO_INPUT, 5000));
	io_close(&k->server.io); /* input waits inside */
	tls_kit_turns(k, 5);
	assert_int_equal(k->server.told[IO_FAILED], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_KIT_TEST(test_talk_1_3),
		TLS_KIT_TEST(test_talk_1_2),
		TLS_KIT_TEST(test_version_too_old),
		TLS_KIT_TEST(test_plain_has_no_session),
		TLS_KIT_TEST(test_clear_input_is_thrown_away),
		TLS_KIT_TEST(test_clear_input_in_the_kernel_fails),
		TLS_KIT_TEST(test_last_words_in_clear),
		TLS_KIT_TEST(test_writes_wait_for_the_handshake),
		TLS_KIT_TEST(test_much_both_ways),
		TLS_KIT_TEST(test_pause_keeps_what_is_inside),
		TLS_KIT_TEST(test_what_came_with_the_handshake),
		TLS_KIT_TEST(test_cork_makes_one_record),
		TLS_KIT_TEST(test_close_notify_is_the_end),
		TLS_KIT_TEST(test_end_without_close_notify),
		TLS_KIT_TEST(test_close_says_close_notify),
		TLS_KIT_TEST(test_close_after_write),
		TLS_KIT_TEST(test_hang_up_hears_the_peer_out),
		TLS_KIT_TEST(test_hang_up_in_the_handshake),
		TLS_KIT_TEST(test_deadline_in_the_handshake),
		TLS_KIT_TEST(test_closed_in_the_handshake),
		TLS_KIT_TEST(test_write_to_who_is_gone),
		TLS_KIT_TEST(test_damaged_record),
		TLS_KIT_TEST(test_renegotiation_is_refused),
		TLS_KIT_TEST(test_key_updates),
		TLS_KIT_TEST(test_records_without_data),
		TLS_KIT_TEST(test_close_from_within),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
