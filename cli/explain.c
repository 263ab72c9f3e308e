#include "cli/explain.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "cli/text.h"

/* "192.0.2.1", "10 mx.example.org", or the text, as it came; in ARENA. */
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

void
explain_put_steps(const struct steps *steps, int indent)
{
	const struct step *step;

	STAILQ_FOREACH (step, &steps->list, link) {
		printf("%*s", indent + (int)step->depth * 2, "");
		text_put(step->text, stdout);
		putchar('\n');
	}
}

static void
put_answer(const struct answer *a, struct arena *arena)
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
		text_put(record_text(a, &a->records[i], arena), stdout);
	}
	putchar('\n');
}

void
explain_put_answers(const struct answers *answers)
{
	const struct answer *a;
	struct arena arena;

	arena_init(&arena);
	STAILQ_FOREACH (a, &answers->list, link)
		put_answer(a, &arena);
	arena_done(&arena);
}

/* --- for programs ---------------------------------------------------------- */

json_t *
explain_json_text(const char *s)
{
	char *text = s != NULL ? text_clean(s) : NULL;
	json_t *json = text != NULL ? json_string(text) : json_null();

	free(text);
	return json;
}

json_t *
explain_json_steps(const struct steps *steps)
{
	json_t *json = json_array();
	const struct step *step;

	STAILQ_FOREACH (step, &steps->list, link)
		json_array_append_new(
			json, json_pack("{s:i, s:o}", "depth", (int)step->depth,
					"text", explain_json_text(step->text)));
	return json;
}

static json_t *
json_answer(const struct answer *a, struct arena *arena)
{
	json_t *records = json_array();

	for (size_t i = 0; i < a->n; i++)
		json_array_append_new(records,
				      explain_json_text(record_text(
					      a, &a->records[i], arena)));
	return json_pack("{s:o, s:s, s:s, s:s, s:b, s:o}", "name",
			 explain_json_text(a->name), "type",
			 answer_type_names[a->type], "status",
			 answer_status_names[a->status], "why", a->why,
			 "authentic", a->authentic, "records", records);
}

json_t *
explain_json_answers(const struct answers *answers)
{
	json_t *json = json_array();
	const struct answer *a;
	struct arena arena;

	arena_init(&arena);
	STAILQ_FOREACH (a, &answers->list, link)
		json_array_append_new(json, json_answer(a, &arena));
	arena_done(&arena);
	return json;
}
