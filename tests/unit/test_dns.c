#include "net/dns.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/dns_answer.h"
#include "tests/unit/dns_port.h"
#include "tests/unit/test.h"

/* A DNS server of a few names, on the loop of the test. */
struct server {
	struct dns_port port;
	bool mute;
};

struct fixture {
	struct loop *loop;
	struct dns *dns;
	struct server server;
	struct loop_timer timer;
	int calls, want;
	bool inside; /* dns_addresses() has not returned */
	enum dns_status status;
	size_t n;
	bool partial;
	int family; /* of the first */
	char first[SOCKADDR_TEXT_MAX], why[256];
};

/* What there is under these names; n addresses each. */
static const struct zone_row {
	const char *name;
	int a, aaaa; /* -1: no answer at all */
	int rcode;
	const char *cname;
} zone[] = {
	{"v4.test.", 1, 0, ns_r_noerror, NULL},
	{"v6.test.", 0, 1, ns_r_noerror, NULL},
	{"mapped.test.", 0, 1, ns_r_noerror, NULL},
	{"both.test.", 2, 2, ns_r_noerror, NULL},
	{"many.test.", 40, 40, ns_r_noerror, NULL},
	{"alias.test.", 1, 0, ns_r_noerror, "v4.test."},
	{"empty.test.", 0, 0, ns_r_noerror, NULL},
	{"fail.test.", 0, 0, ns_r_servfail, NULL},
	{"refused.test.", 0, 0, ns_r_refused, NULL},
	{"mute.test.", -1, -1, ns_r_noerror, NULL},
	{"half.test.", 1, -1, ns_r_noerror, NULL},
	{"otherhalf.test.", -1, 1, ns_r_noerror, NULL},
	{"halfnone.test.", 0, -1, ns_r_noerror, NULL},
	{"late.test.", 1, 0, ns_r_noerror, NULL},
	{"nat.home.arpa.", 1, 0, ns_r_noerror, NULL},
};

static const struct zone_row *
zone_find(const char *name)
{
	for (size_t i = 0; i < sizeof(zone) / sizeof(zone[0]); i++)
		if (strcasecmp(zone[i].name, name) == 0)
			return &zone[i];
	return NULL;
}

static void
wire_addresses(struct wire *w, const char *name, int type, int n)
{
	for (int i = 1; i <= n; i++) {
		size_t size = type == ns_t_a ? 4 : 16;

		wire_record(w, name, type, size);
		memset(w->data + w->len, 0, size);
		if (type == ns_t_a)
			w->data[w->len] = 10;
		else if (strcmp(name, "mapped.test.") == 0)
			memcpy(w->data + w->len + 10, "\xff\xff\x0a", 3);
		else
			w->data[w->len] = 0xfd;
		w->len += size;
		w->data[w->len - 1] = (unsigned char)i;
	}
}

/* The answer to a question for NAME and TYPE that ROW gives. */
static void
wire_answer(struct wire *w, unsigned id, const char *name, int type,
	    const struct zone_row *row)
{
	int n = type == ns_t_a ? row->a : type == ns_t_aaaa ? row->aaaa : 0;
	struct wire target = {.len = 0};
	unsigned an = (unsigned)n;

	wire_number(w, id, 2);
	wire_number(w, 0x8180u | (unsigned)row->rcode, 2);
	wire_number(w, 1, 2);
	wire_number(w, an + (row->cname != NULL), 2);
	wire_number(w, 0, 4);
	wire_name(w, name);
	wire_number(w, (unsigned)type, 2);
	wire_number(w, ns_c_in, 2);
	if (row->cname != NULL) {
		wire_name(&target, row->cname);
		wire_record(w, name, ns_t_cname, target.len);
		memcpy(w->data + w->len, target.data, target.len);
		w->len += target.len;
	}
	wire_addresses(w, row->cname != NULL ? row->cname : name, type, n);
}

static void
server_answer(void *arg, const struct dns_port_question *q, struct wire *w)
{
	static const struct zone_row unknown = {"", 0, 0, ns_r_nxdomain, NULL};
	struct server *s = arg;
	char name[NS_MAXDNAME + 2];
	const struct zone_row *row;

	snprintf(name, sizeof(name), "%s.", q->name);
	row = zone_find(strstr(name, "mute") != NULL ? "mute.test." : name);
	if (row == NULL)
		row = &unknown;
	if (!s->mute && (q->type == ns_t_a ? row->a : row->aaaa) >= 0)
		wire_answer(w, q->id, name, q->type, row);
}

static void
timer_fn(void *arg)
{
	struct fixture *f = arg;

	loop_stop(f->loop);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char *servers[1] = {f->server.port.address};
	struct dns_conf conf = {
		.servers = {.n = 1, .v = servers},
		.timeout_ms = 500,
	};
	char *why = NULL;

	f->loop = loop_new(clock_system());
	loop_timer_init(&f->timer, f->loop, timer_fn, f);
	dns_port_init(&f->server.port, f->loop, server_answer, &f->server);
	if (dns_new(f->loop, &conf, &f->dns, &why) != 0) {
		print_error("%s\n", why);
		return -1;
	}
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	dns_free(&f->dns);
	dns_port_done(&f->server.port);
	loop_timer_done(&f->timer);
	loop_free(&f->loop);
	free(f);
	return 0;
}

static void
answered(void *arg, const struct dns_answer *answer)
{
	struct fixture *f = arg;

	assert_false(f->inside);
	f->status = answer->status;
	f->n = answer->n;
	f->partial = answer->partial;
	f->first[0] = '\0';
	if (answer->n > 0) {
		f->family = answer->v[0].ss.ss_family;
		sockaddr_text(&answer->v[0], f->first);
	}
	snprintf(f->why, sizeof(f->why), "%s", answer->why);
	if (++f->calls == f->want)
		loop_stop(f->loop);
}

static struct dns_query *
ask(struct fixture *f, const char *name)
{
	struct dns_query *q;

	f->inside = true;
	q = dns_addresses(f->dns, name, answered, f);
	f->inside = false;
	return q;
}

static void
run(struct fixture *f, int calls, int64_t ms)
{
	f->want = calls;
	loop_timer_set(&f->timer, ms);
	loop_run(f->loop);
	loop_timer_clear(&f->timer);
}

static void
test_answers(void **state)
{
	static const struct {
		const char *name;
		enum dns_status status;
		size_t n;
		const char *first, *why;
	} row[] = {
		{"v4.test", DNS_OK, 1, "10.0.0.1:0", ""},
		{"v4.test", DNS_OK, 1, "10.0.0.1:0", ""}, /* from the cache */
		{"v4.test.", DNS_OK, 1, "10.0.0.1:0", ""},
		{"v6.test", DNS_OK, 1, "[fd00::1]:0", ""},
		{"mapped.test", DNS_OK, 1, "10.0.0.1:0", ""},
		{"both.test", DNS_OK, 4, NULL, ""},
		{"many.test", DNS_OK, DNS_ADDRESSES_MAX, NULL, ""},
		{"alias.test", DNS_OK, 1, "10.0.0.1:0", ""},
		{"empty.test", DNS_NONE, 0, NULL, "the name has no address"},
		{"nx.test", DNS_NONE, 0, NULL, "the name does not exist"},
		{"fail.test", DNS_TEMPFAIL, 0, NULL, "the DNS server failed"},
		{"refused.test", DNS_TEMPFAIL, 0, NULL,
		 "the DNS server failed"},
		{"mute.test", DNS_TEMPFAIL, 0, NULL,
		 "no answer from the DNS in time"},
		{"half.test", DNS_OK, 1, "10.0.0.1:0",
		 "no answer from the DNS in time"},
		{"otherhalf.test", DNS_OK, 1, "[fd00::1]:0",
		 "no answer from the DNS in time"},
		{"halfnone.test", DNS_TEMPFAIL, 0, NULL,
		 "no answer from the DNS in time"},
		{"nat.home.arpa", DNS_OK, 1, "10.0.0.1:0", ""},
		{"a..test", DNS_NONE, 0, NULL,
		 "the name is not a valid domain name"},
		{"192.0.2.7", DNS_OK, 1, "192.0.2.7:0", ""},
		{"::ffff:192.0.2.7", DNS_OK, 1, "192.0.2.7:0", ""},
		{"2001:db8::7", DNS_OK, 1, "[2001:db8::7]:0", ""},
		{"localhost", DNS_OK, 2, NULL, ""}, /* both, without a file */
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		print_message("%s\n", row[i].name);
		f->calls = 0;
		f->n = 99;
		ask(f, row[i].name);
		run(f, 1, 10000);
		assert_int_equal(f->calls, 1);
		assert_string_equal(f->why, row[i].why);
		assert_int_equal(f->status, row[i].status);
		assert_int_equal(f->partial,
				 f->status == DNS_OK && f->why[0] != '\0');
		if (strcmp(row[i].name, "localhost") == 0)
			assert_in_range(f->n, 1, 2);
		else
			assert_int_equal(f->n, row[i].n);
		if (row[i].first != NULL)
			assert_string_equal(f->first, row[i].first);
		if (row[i].first != NULL)
			assert_int_equal(f->family, row[i].first[0] == '['
							    ? AF_INET6
							    : AF_INET);
	}
}

/* Every name of the machine's own file that is there for IPv4. */
static void
test_hosts_file(void **state)
{
	struct fixture *f = *state;
	FILE *file = fopen("/etc/hosts", "r");
	char line[512], ip[64], name[256];
	int seen = 0;

	if (file == NULL)
		skip();
	while (fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "%63[0-9.] %255s", ip, name) != 2)
			continue;
		print_message("%s\n", name);
		f->calls = 0;
		ask(f, name);
		run(f, 1, 10000);
		assert_int_equal(f->status, DNS_OK);
		seen++;
	}
	fclose(file);
	assert_int_equal(f->server.port.asked, 0);
	if (seen == 0)
		skip();
}

static void
test_cancelled_is_silent(void **state)
{
	static const char *const name[] = {"v4.test", "mute.test", "192.0.2.7",
					   "localhost"};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		struct dns_query *q = ask(f, name[i]);

		dns_cancel(&q);
		assert_null(q);
		dns_cancel(&q);
	}
	run(f, 1, 700); /* longer than the deadline */
	assert_int_equal(f->calls, 0);
}

static void
test_free_ends_what_is_under_way(void **state)
{
	struct fixture *f = *state;

	ask(f, "mute.test");
	ask(f, "192.0.2.7");
	run(f, 3, 20); /* the literal has been told, the other one waits */
	ask(f, "192.0.2.8");
	dns_free(&f->dns);
	assert_null(f->dns);
	run(f, 3, 20);
	assert_int_equal(f->calls, 1);
}

/* A server that comes back is used at once. */
static void
test_mute_server_comes_back(void **state)
{
	struct fixture *f = *state;

	f->server.mute = true;
	for (int i = 0; i < 3; i++) {
		f->calls = 0;
		ask(f, i == 0 ? "late.test" : "both.test");
		run(f, 1, 10000);
		assert_int_equal(f->status, DNS_TEMPFAIL);
	}
	f->server.mute = false;
	for (int i = 0; i < 20; i++) {
		f->calls = 0;
		ask(f, "v4.test");
		run(f, 1, 10000);
		if (f->status == DNS_OK)
			return;
	}
	fail();
}

static void
again(void *arg, const struct dns_answer *answer)
{
	struct fixture *f = arg;

	assert_int_equal(answer->status, DNS_OK);
	ask(f, "both.test");
}

/* Names whose server is silent don't take the place of others. */
static void
test_silence_blocks_nobody(void **state)
{
	struct fixture *f = *state;
	struct dns_query *mute[100];
	char name[32];

	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "mute%d.test", i);
		mute[i] = ask(f, name);
	}
	ask(f, "both.test");
	run(f, 1, 10000);
	assert_int_equal(f->calls, 1);
	assert_string_equal(f->why, "");
	assert_int_equal(f->n, 4);
	for (int i = 0; i < 100; i++)
		dns_cancel(&mute[i]);
}

static void
test_ask_from_the_callback(void **state)
{
	struct fixture *f = *state;

	dns_addresses(f->dns, "v4.test", again, f);
	run(f, 1, 10000);
	assert_int_equal(f->calls, 1);
	assert_int_equal(f->n, 4);
}

static void
test_many_side_by_side(void **state)
{
	struct fixture *f = *state;
	int n = 200;

	for (int i = 0; i < n; i++)
		ask(f, i % 2 == 0 ? "v4.test" : "both.test");
	run(f, n, 10000);
	assert_int_equal(f->calls, n);
}

/* With a trust anchor for test., an answer without signatures is no answer. */
static void
test_unsigned_below_a_trust_anchor(void **state)
{
	struct fixture *f = *state;
	char path[] = "/tmp/anchor.XXXXXX";
	char *servers[1] = {f->server.port.address};
	struct dns_conf conf = {
		.servers = {.n = 1, .v = servers},
		.timeout_ms = 5000,
		.trust_anchor = path,
	};
	char *why = NULL;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	dprintf(fd, "test. IN DS 12345 8 2 %064d\n", 1);
	close(fd);
	dns_free(&f->dns);
	assert_int_equal(dns_new(f->loop, &conf, &f->dns, &why), 0);
	unlink(path);
	ask(f, "v4.test");
	run(f, 1, 10000);
	assert_int_equal(f->status, DNS_TEMPFAIL);
	assert_int_equal(f->n, 0);
	print_message("%s\n", f->why);
	assert_int_equal(
		strncmp(f->why, "the DNS answer is not authentic: ", 33), 0);
}

static void
two_threads_ask(void *arg)
{
	struct fixture *f = arg;

	f->want = 3;
	ask(f, "v4.test");
	ask(f, "both.test");
	ask(f, "localhost");
}

/* A resolver for each loop: they share nothing that we know of. */
static void
test_two_loops(void **state)
{
	struct fixture *f[2] = {*state, NULL};
	struct post post[2];

	if (setup((void **)&f[1]) != 0)
		fail();
	for (int i = 0; i < 2; i++) {
		loop_post(f[i]->loop, &post[i], two_threads_ask, f[i]);
		assert_int_equal(loop_start(f[i]->loop, "dns-test"), 0);
	}
	loop_join(f[0]->loop);
	loop_join(f[1]->loop);
	assert_int_equal(f[0]->calls, 3);
	assert_int_equal(f[1]->calls, 3);
	teardown((void **)&f[1]);
}

static void
test_bad_configuration(void **state)
{
	char name[] = "dns.example", file[] = "/no/such/file";
	char *bad[1] = {name};
	struct dns_conf server = {
		.servers = {.n = 1, .v = bad},
		.timeout_ms = 100,
	};
	struct dns_conf anchor = {.timeout_ms = 100, .trust_anchor = file};
	struct fixture *f = *state;
	struct dns *dns = NULL;
	char *why = NULL;

	assert_int_equal(dns_new(f->loop, &server, &dns, &why), -EINVAL);
	assert_non_null(strstr(why, "dns.example"));
	free(why);
	why = NULL;
	assert_int_equal(dns_new(f->loop, &anchor, &dns, &why), -EINVAL);
	assert_string_equal(why, "/no/such/file: No such file or directory");
	free(why);
	assert_null(dns);
}

static void
test_malformed_packets(void **state)
{
	struct dns_answer a = {.n = 0};
	struct wire w = {.len = 0};

	(void)state;
	wire_answer(&w, 1, "alias.test.", ns_t_a, zone_find("alias.test."));
	for (size_t len = 0; len < w.len; len++)
		assert_int_equal(dns_answer_add(&a, w.data, len, ns_t_a),
				 -EBADMSG);
	a.n = 0;
	assert_int_equal(dns_answer_add(&a, w.data, w.len, ns_t_aaaa), 0);
	assert_int_equal(a.n, 0);
	assert_int_equal(dns_answer_add(&a, w.data, w.len, ns_t_a), 0);
	assert_int_equal(a.n, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_answers),
		T(test_hosts_file),
		T(test_cancelled_is_silent),
		T(test_free_ends_what_is_under_way),
		T(test_mute_server_comes_back),
		T(test_silence_blocks_nobody),
		T(test_ask_from_the_callback),
		T(test_many_side_by_side),
		T(test_unsigned_below_a_trust_anchor),
		T(test_two_loops),
		T(test_bad_configuration),
		cmocka_unit_test(test_malformed_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
