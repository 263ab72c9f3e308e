#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/must.h"
#include "cli/cli_dns.h"
#include "cli/explain.h"
#include "cli/text.h"
#include "net/sockaddr.h"
#include "verdict/resolve.h"
#include "verdict/spf.h"
#include "verdict/spf_libspf2.h"

/* Without a configuration. */
#define DEADLINE_MS 10000
#define QUESTIONS   100

/* What is asked, and all that comes of it. */
struct spf_inquiry {
	const char *engine; /* NULL: what the configuration says */
	bool libspf2;
	int64_t deadline_ms, questions;
	struct spf_question question;
	const char *ip;
	struct arena arena;
	struct answers answers;
	struct steps steps;
	struct spf_verdict verdict;
};

static void
settled(void *loop)
{
	loop_stop(loop);
}

static void
inquiry_run(struct spf_inquiry *q, struct cli_dns *d)
{
	int (*check)(const struct spf_question *, struct answers *,
		     struct arena *, struct steps *, struct spf_verdict *) =
		q->libspf2 ? spf_libspf2_check : spf_check;
	struct resolve resolve;

	resolve_init(&resolve, d->loop, d->dns, &q->answers, q->deadline_ms,
		     settled, d->loop);
	while (check(&q->question, &q->answers, &q->arena, &q->steps,
		     &q->verdict) == -EAGAIN) {
		must(resolve_open(&resolve));
		loop_run(d->loop);
	}
	resolve_done(&resolve);
}

/* --- for people ------------------------------------------------------------ */

static void
put_verdict(const struct spf_inquiry *q)
{
	const struct spf_verdict *v = &q->verdict;
	const char *why = v->why[0] != '\0' ? v->why : v->term;

	printf("%s, %s ", q->ip, spf_scope_names[q->question.scope]);
	text_put(v->domain, stdout);
	printf(": %s", spf_result_names[v->result]);
	if (why[0] != '\0') {
		fputs(" (", stdout);
		text_put(why, stdout);
		putchar(')');
	}
	putchar('\n');
	if (v->explanation != NULL) {
		fputs("the domain explains: ", stdout);
		text_put(v->explanation, stdout);
		putchar('\n');
	}
}

static void
put_text(const struct spf_inquiry *q)
{
	explain_put_steps(&q->steps, 0);
	puts("\nThe DNS says:");
	explain_put_answers(&q->answers);
	printf("\n%u of %u terms asked it, %u of %u for nothing.\n",
	       q->verdict.lookups, SPF_LOOKUPS_MAX, q->verdict.voids,
	       SPF_VOIDS_MAX);
	put_verdict(q);
}

/* --- for programs ---------------------------------------------------------- */

static void
put_json(const struct spf_inquiry *q)
{
	const struct spf_verdict *v = &q->verdict;
	json_t *json = json_pack(
		"{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:i, s:i, s:o, s:o}",
		"result", spf_result_names[v->result], "scope",
		spf_scope_names[q->question.scope], "ip", q->ip, "domain",
		explain_json_text(v->domain), "term",
		explain_json_text(v->term), "why", explain_json_text(v->why),
		"explanation", explain_json_text(v->explanation), "lookups",
		(int)v->lookups, "voids", (int)v->voids, "steps",
		explain_json_steps(&q->steps), "dns",
		explain_json_answers(&q->answers));

	json_dumpf(json, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(json);
}

/* --- the command ----------------------------------------------------------- */

static int
verdict_status(enum spf_result result)
{
	if (result == SPF_TEMPERROR)
		return CLI_LATER;
	return result == SPF_PASS ? CLI_OK : CLI_WRONG;
}

/* As a message would be judged. */
static void
inquiry_configure(struct spf_inquiry *q, const struct config *c)
{
	q->question.receiver = c->hostname;
	q->deadline_ms = c->verdict.dns.deadline_ms;
	q->questions = c->verdict.dns.lookups;
	if (q->engine == NULL)
		q->libspf2 = c->verdict.spf.engine == SPF_ENGINE_LIBSPF2;
}

static int
inquiry_answer(const struct cli *cli, struct spf_inquiry *q, bool json)
{
	struct cli_dns d;
	int r = cli_dns_open(cli, &d);

	if (r != CLI_OK)
		return r;
	if (d.config != NULL)
		inquiry_configure(q, d.config);
	arena_init(&q->arena);
	answers_init(&q->answers, &q->arena, (unsigned)q->questions);
	steps_init(&q->steps, &q->arena);
	inquiry_run(q, &d);
	if (json)
		put_json(q);
	else
		put_text(q);
	r = verdict_status(q->verdict.result);
	arena_done(&q->arena);
	cli_dns_close(&d);
	return r;
}

static bool
inquiry_set_ip(struct spf_inquiry *q, const char *text)
{
	struct sockaddr_any ip;

	q->ip = text;
	return sockaddr_parse_ip(text, 0, &ip) == 0 &&
	       sockaddr_bytes(&ip, q->question.ip);
}

static bool
inquiry_set_engine(struct spf_inquiry *q, const char *name)
{
	q->engine = name;
	q->libspf2 = strcmp(name, "libspf2") == 0;
	return q->libspf2 || strcmp(name, "belfry") == 0;
}

int
cli_spf(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"ip", required_argument, NULL, 'i'},
		{"helo", required_argument, NULL, 'h'},
		{"from", required_argument, NULL, 'f'},
		{"engine", required_argument, NULL, 'e'},
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	struct spf_inquiry q = {
		.question = {.helo = "",
			     .sender = "",
			     .receiver = "unknown",
			     .now = time(NULL)},
		.deadline_ms = DEADLINE_MS,
		.questions = QUESTIONS,
	};
	const char *from = "";
	bool json = false;
	char *sender;
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'i' && !inquiry_set_ip(&q, optarg)) {
			cli_say("`%s` is no address", optarg);
			return CLI_USAGE;
		}
		if (c == 'e' && !inquiry_set_engine(&q, optarg)) {
			cli_say("`%s` is no engine: belfry or libspf2", optarg);
			return CLI_USAGE;
		}
		if (c == 'h')
			q.question.helo = optarg;
		else if (c == 'f')
			from = optarg;
		else if (c == 'j')
			json = true;
		else if (c != 'i' && c != 'e')
			return cli_usage(cli);
	}
	sender = text_sender(from);
	if (sender == NULL)
		return CLI_USAGE;
	q.question.sender = sender;
	q.question.scope = sender[0] != '\0' ? SPF_MAIL_FROM : SPF_HELO;
	if (optind < argc || q.ip == NULL ||
	    (sender[0] == '\0' && q.question.helo[0] == '\0'))
		r = cli_usage(cli);
	else
		r = inquiry_answer(cli, &q, json);
	free(sender);
	return r;
}
