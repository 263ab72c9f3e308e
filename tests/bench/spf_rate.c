/*
 * spf_rate - what evaluating a typical SPF record costs when the DNS has been
 * asked already.
 *
 *	spf_rate SECONDS
 *
 * Prints a line for each engine: its name and the microseconds of one
 * evaluation. The domain has an MX and the networks of two providers, one of
 * them by way of two more records; the client is in the last of these.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/unit/zone.h"
#include "verdict/spf.h"
#include "verdict/spf_libspf2.h"

#define QUESTIONS 100
#define ROUND     200

static const char records[] =
	"d.example TXT v=spf1 mx ip4:203.0.113.0/26 include:_spf.post.example "
	"include:mail.example -all\n"
	"d.example MX 10 mx1.d.example\n"
	"d.example MX 20 mx2.d.example\n"
	"mx1.d.example A 203.0.113.70\n"
	"mx2.d.example A 203.0.113.71\n"
	"_spf.post.example TXT v=spf1 include:_net1.post.example "
	"include:_net2.post.example ~all\n"
	"_net1.post.example TXT v=spf1 ip4:10.1.0.0/16 ip4:10.2.0.0/16 "
	"ip4:10.3.0.0/19 ip4:10.4.0.0/20 ip4:10.5.0.0/17 ip4:10.6.0.0/16 "
	"ip4:10.7.0.0/18 ip4:10.8.0.0/16 ip4:10.9.0.0/16 ip4:10.10.0.0/20 "
	"ip4:10.11.0.0/16 ip4:10.12.0.0/16 ~all\n"
	"_net2.post.example TXT v=spf1 ip6:2001:db8:1000::/36 "
	"ip6:2001:db8:2000::/36 ip6:2001:db8:3000::/36 ip6:2001:db8:4000::/36 "
	"ip4:192.0.2.0/24 ~all\n"
	"mail.example TXT v=spf1 ip4:198.51.100.0/24 ~all\n";

typedef int spf_fn(const struct spf_question *, struct answers *,
		   struct arena *, struct steps *, struct spf_verdict *);

static double
now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* As a message does it: an arena of its own for the verdict. */
static void
evaluate(spf_fn *fn, const struct spf_question *q, struct answers *answers)
{
	struct spf_verdict v;
	struct arena arena;

	arena_init(&arena);
	if (fn(q, answers, &arena, NULL, &v) != 0 || v.result != SPF_PASS)
		errx(1, "not a pass");
	arena_done(&arena);
}

static void
measure(const char *name, spf_fn *fn, double seconds)
{
	struct spf_question q = {.scope = SPF_MAIL_FROM,
				 .helo = "mx.post.example",
				 .sender = "anna@d.example",
				 .receiver = "mx.example.org",
				 .ip = {[10] = 0xff, 0xff, 192, 0, 2, 1}};
	struct spf_verdict v;
	struct answers answers;
	struct arena arena;
	struct zone zone;
	unsigned long n = 0;
	double begun;

	arena_init(&arena);
	answers_init(&answers, &arena, QUESTIONS);
	zone_init(&zone);
	zone_load(&zone, records);
	while (fn(&q, &answers, &arena, NULL, &v) == -EAGAIN)
		zone_settle(&zone, &answers);
	begun = now_s();
	for (; now_s() - begun < seconds; n += ROUND)
		for (int i = 0; i < ROUND; i++)
			evaluate(fn, &q, &answers);
	printf("%s %.3f\n", name, (now_s() - begun) * 1e6 / (double)n);
	zone_done(&zone);
	arena_done(&arena);
}

int
main(int argc, char **argv)
{
	double seconds = argc == 2 ? atof(argv[1]) : 0;

	if (seconds <= 0)
		errx(64, "usage: spf_rate SECONDS");
	measure("belfry", spf_check, seconds);
	measure("libspf2", spf_libspf2_check, seconds);
	return 0;
}
