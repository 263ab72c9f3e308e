/*
 * A session goes on where another loop gave out its ticket, over a change of
 * keys, and no longer than that; never with another view of the client.
 */
#include <openssl/ssl.h>
#include <time.h>
#include <unistd.h>

#include "net/tls_impl.h"
#include "net/tls_tickets.h"
#include "tests/unit/test.h"
#include "tests/unit/tls_kit.h"

static const unsigned char seed[TLS_TICKETS_SEED] = "the seed of this test";
static const unsigned char other_seed[TLS_TICKETS_SEED] = "another one";

struct fixture {
	struct clock *clock;
	struct tls_server *server;
	struct tls_client *client;
	struct tls_tickets *tickets, *others;
	int newest;           /* version of TLS */
	SSL_SESSION *session; /* what the client has of the last handshake */
	bool verified;        /* the client, in the last one */
};

/* One connection: was it resumed? */
static bool
resumes(struct fixture *f, struct tls_tickets *tickets)
{
	struct tls_peer peer = {.names = NULL};
	struct tls_session s;
	struct tls_kit *k;
	void *kit;

	assert_int_equal(tls_kit_setup(&kit), 0);
	k = kit;
	io_start_tls_server(k->server.io, f->server, tickets);
	io_start_tls_client(k->client.io, f->client, NULL, false);
	SSL_set_max_proto_version(io_tls_ssl(k->client.io), f->newest);
	if (f->session != NULL)
		SSL_set_session(io_tls_ssl(k->client.io), f->session);
	SSL_SESSION_free(f->session);
	f->session = NULL;
	assert_true(tls_kit_wait(k, &k->client, IO_CONNECTED, 5000));
	/* A ticket comes behind the handshake. */
	io_write(k->client.io, "NOOP", 4);
	tls_kit_expect(k, &k->server, "NOOP");
	io_write(k->server.io, "250", 3);
	tls_kit_expect(k, &k->client, "250");
	assert_true(io_tls_session(k->server.io, &s));
	f->verified = io_tls_peer(k->server.io, &peer) == 0 && peer.verified;
	tls_peer_done(&peer);
	f->session = SSL_get1_session(io_tls_ssl(k->client.io));
	tls_kit_teardown(&kit);
	return s.resumed;
}

static struct tls_server *
server_new(struct tls_maker *m, bool ask, const char *ca)
{
	struct tls_pair pair = tls_pair_of(m, "a");
	struct tls_server_conf conf = {.pairs = &pair,
				       .npairs = 1,
				       .ask_client = ask,
				       .client_ca_file = ca};
	struct tls_server *server;
	char *why = NULL;

	assert_int_equal(tls_server_new(&conf, &server, &why), 0);
	return server;
}

static void
with_fixture(void (*test)(struct fixture *f, struct tls_maker *m), int newest)
{
	static const struct tls_cert_want a = {.file = "a",
					       .names = "DNS:a.example"};
	struct tls_client_conf conf = {.ca_file = "",
				       .min_version = TLS_VERSION_1_2};
	struct fixture f = {.clock = clock_new_fixed(1000000),
			    .newest = newest};
	struct tls_maker m;
	char *why = NULL;

	tls_maker_init(&m);
	tls_make(&m, &a);
	f.server = server_new(&m, false, NULL);
	assert_int_equal(tls_client_new(&conf, &f.client, &why), 0);
	f.tickets = tls_tickets_new(f.clock, seed, clock_mono_ms(f.clock));
	f.others = tls_tickets_new(f.clock, seed, clock_mono_ms(f.clock));
	test(&f, &m);
	SSL_SESSION_free(f.session);
	tls_tickets_free(&f.tickets);
	tls_tickets_free(&f.others);
	tls_server_unref(&f.server);
	tls_client_unref(&f.client);
	tls_maker_done(&m);
	clock_free(&f.clock);
}

static void
check_life(struct fixture *f, struct tls_maker *m)
{
	(void)m;
	assert_false(resumes(f, f->tickets));
	assert_true(resumes(f, f->tickets));
	/* Another loop. */
	assert_true(resumes(f, f->others));
	assert_true(resumes(f, f->tickets));
	/* The keys change; a loop that slept steps on by itself. */
	clock_advance(f->clock, TLS_TICKETS_PERIOD_MS);
	assert_true(resumes(f, f->tickets));
	assert_true(resumes(f, f->others));
	clock_advance(f->clock, TLS_TICKETS_PERIOD_MS);
	assert_true(resumes(f, f->others));
	/* Too old. */
	clock_advance(f->clock, 2 * TLS_TICKETS_PERIOD_MS);
	assert_false(resumes(f, f->tickets));
	assert_true(resumes(f, f->tickets));
}

static void
test_life(void **state)
{
	(void)state;
	with_fixture(check_life, TLS1_2_VERSION);
	with_fixture(check_life, TLS1_3_VERSION);
}

static void
check_strangers(struct fixture *f, struct tls_maker *m)
{
	struct tls_tickets *t =
		tls_tickets_new(f->clock, other_seed, clock_mono_ms(f->clock));

	(void)m;
	assert_false(resumes(f, f->tickets));
	assert_false(resumes(f, t));
	assert_true(resumes(f, t));
	assert_false(resumes(f, NULL));
	assert_false(resumes(f, NULL));
	tls_tickets_free(&t);
}

static void
test_strangers(void **state)
{
	(void)state;
	with_fixture(check_strangers, TLS1_3_VERSION);
}

/* A reload with the same files goes on; one that believes other clients must
 * look at them anew. */
static void
check_reload(struct fixture *f, struct tls_maker *m)
{
	assert_false(resumes(f, f->tickets));
	tls_server_unref(&f->server);
	f->server = server_new(m, false, NULL);
	assert_true(resumes(f, f->tickets));
	tls_server_unref(&f->server);
	f->server = server_new(m, true, tls_path(m, "ca.pem"));
	assert_false(resumes(f, f->tickets));
	assert_true(resumes(f, f->tickets));
	tls_server_unref(&f->server);
	f->server = server_new(m, true, tls_path(m, "ca.pem"));
	assert_true(resumes(f, f->tickets));
	tls_server_unref(&f->server);
	f->server = server_new(m, true, tls_path(m, "a.pem"));
	assert_false(resumes(f, f->tickets));
}

static void
test_reload(void **state)
{
	(void)state;
	with_fixture(check_reload, TLS1_3_VERSION);
}

/* A certificate ends for who goes on with its session as for who begins. The
 * clock is the system's: the library looks at no other. */
static void
check_ends(struct fixture *f, struct tls_maker *m)
{
	static const struct tls_cert_want want = {
		.file = "short", .cn = "short", .seconds = 2};
	const struct tls_pair pair = {tls_path(m, "short.pem"),
				      tls_path(m, "short.key"), NULL};
	struct tls_client_conf conf = {.ca_file = "", .pair = &pair};
	time_t end = time(NULL) + want.seconds;
	char *why = NULL;

	tls_server_unref(&f->server);
	f->server = server_new(m, true, tls_path(m, "ca.pem"));
	tls_make(m, &want);
	tls_client_unref(&f->client);
	assert_int_equal(tls_client_new(&conf, &f->client, &why), 0);
	assert_false(resumes(f, f->tickets));
	assert_true(f->verified);
	assert_true(resumes(f, f->tickets));
	assert_true(f->verified);
	while (time(NULL) <= end + 1)
		usleep(50000);
	assert_true(resumes(f, f->tickets));
	assert_false(f->verified);
}

static void
test_ends(void **state)
{
	(void)state;
	with_fixture(check_ends, TLS1_2_VERSION);
	with_fixture(check_ends, TLS1_3_VERSION);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
