#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#include "base/must.h"
#include "cli/cli_dns.h"
#include "cli/text.h"
#include "net/sockaddr.h"
#include "verdict/resolve.h"
#include "verdict/spf.h"

#define DEADLINE_MS 30000
#define QUESTIONS   100

/* What is asked, and all that comes of it. */
struct spf_inquiry {
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
	struct resolve resolve;

	resolve_init(&resolve, d->loop, d->dns, &q->answers, DEADLINE_MS,
		     settled, d->loop);
	while (spf_check(&q->question, &q->answers, &q->arena, &q->steps,
			 &q->verdict) == -EAGAIN) {
		must(resolve_open(&resolve));
		loop_run(d->loop);
	}
	resolve_done(&resolve);
}

/* "192.0.2.1", "10 mx.example.org", or the text, as it came. */
static const char *
record_text(const struct answer *a, const struct answer_record *r,
	    struct arena *arena)
{
	char ip[INET6_ADDRSTRLEN];
	int family = a->type == ANSWER_A ? AF_INET : AF_INET6;

	if (a->type == ANSWER_MX)
		return arena_printf(arena, "%u %s", r->preference, r->data);
	if (a->type != ANSWER_A && a->type != ANSWER_AAAA)
		return r->data;
	return arena_strdup(arena, inet_ntop(family, r->data, ip, sizeof(ip)));
}

/* --- for people ------------------------------------------------------------ */

static void
put_answer(struct spf_inquiry *q, const struct answer *a)
{
	text_put(a->name, stdout);
	printf(" %s: ", answer_type_names[a->type]);
	if (a->status != ANSWER_OK)
		fputs(answer_status_names[a->status], stdout);
	if (a->status == ANSWER_TEMPFAIL) {
		fputs(": ", stdout);
		text_put(a->why, stdout);
	}
	for (size_t i = 0; i < a->n; i++) {
		fputs(i > 0 ? " | " : "", stdout);
		text_put(record_text(a, &a->records[i], &q->arena), stdout);
	}
	putchar('\n');
}

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
put_text(struct spf_inquiry *q)
{
	const struct answer *a;
	const struct step *step;

	STAILQ_FOREACH (step, &q->steps.list, link) {
		printf("%*s", (int)step->depth * 2, "");
		text_put(step->text, stdout);
		putchar('\n');
	}
	puts("\nThe DNS says:");
	STAILQ_FOREACH (a, &q->answers.list, link)
		put_answer(q, a);
	printf("\n%u of %u terms asked it, %u of %u for nothing.\n",
	       q->verdict.lookups, SPF_LOOKUPS_MAX, q->verdict.voids,
	       SPF_VOIDS_MAX);
	put_verdict(q);
}

/* --- for programs ---------------------------------------------------------- */

/* What the DNS and the client say need not be UTF-8. */
static json_t *
json_clean(const char *s)
{
	char *text = s != NULL ? text_clean(s) : NULL;
	json_t *json = text != NULL ? json_string(text) : json_null();

	free(text);
	return json;
}

static json_t *
json_answer(struct spf_inquiry *q, const struct answer *a)
{
	json_t *records = json_array();

	for (size_t i = 0; i < a->n; i++)
		json_array_append_new(
			records,
			json_clean(record_text(a, &a->records[i], &q->arena)));
	return json_pack("{s:o, s:s, s:s, s:s, s:b, s:o}", "name",
			 json_clean(a->name), "type",
			 answer_type_names[a->type], "status",
			 answer_status_names[a->status], "why", a->why,
			 "authentic", a->authentic, "records", records);
}

static json_t *
json_steps(const struct spf_inquiry *q)
{
	json_t *steps = json_array();
	const struct step *step;

	STAILQ_FOREACH (step, &q->steps.list, link)
		json_array_append_new(steps, json_pack("{s:i, s:o}", "depth",
						       (int)step->depth, "text",
						       json_clean(step->text)));
	return steps;
}

static void
put_json(struct spf_inquiry *q)
{
	const struct spf_verdict *v = &q->verdict;
	json_t *answers = json_array(), *json;
	const struct answer *a;

	STAILQ_FOREACH (a, &q->answers.list, link)
		json_array_append_new(answers, json_answer(q, a));
	json = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:i, s:i, s:o, "
			 "s:o}",
			 "result", spf_result_names[v->result], "scope",
			 spf_scope_names[q->question.scope], "ip", q->ip,
			 "domain", json_clean(v->domain), "term",
			 json_clean(v->term), "why", json_clean(v->why),
			 "explanation", json_clean(v->explanation), "lookups",
			 (int)v->lookups, "voids", (int)v->voids, "steps",
			 json_steps(q), "dns", answers);
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

static int
inquiry_answer(const struct cli *cli, struct spf_inquiry *q, bool json)
{
	struct cli_dns d;
	int r = cli_dns_open(cli, &d);

	if (r != CLI_OK)
		return r;
	q->question.receiver =
		d.config != NULL ? d.config->hostname : "unknown";
	arena_init(&q->arena);
	answers_init(&q->answers, &q->arena, QUESTIONS);
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

int
cli_spf(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"ip", required_argument, NULL, 'i'},
		{"helo", required_argument, NULL, 'h'},
		{"from", required_argument, NULL, 'f'},
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	struct spf_inquiry q = {
		.question = {.helo = "", .sender = "", .now = time(NULL)}};
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'i' && !inquiry_set_ip(&q, optarg)) {
			cli_say("`%s` is no address", optarg);
			return CLI_USAGE;
		}
		if (c == 'h')
			q.question.helo = optarg;
		else if (c == 'f')
			q.question.sender = optarg;
		else if (c == 'j')
			json = true;
		else if (c != 'i')
			return cli_usage(cli);
	}
	q.question.scope =
		q.question.sender[0] != '\0' ? SPF_MAIL_FROM : SPF_HELO;
	if (optind < argc || q.ip == NULL ||
	    (q.question.sender[0] == '\0' && q.question.helo[0] == '\0'))
		return cli_usage(cli);
	return inquiry_answer(cli, &q, json);
}
