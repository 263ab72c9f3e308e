/*
 * `belfry dkim check`: does the DNS have what our keys sign with?
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/cli_dns.h"
#include "cli/dkim_entry.h"
#include "cli/text.h"
#include "verdict/dkim_record.h"
#include "verdict/resolve.h"

#define DEADLINE_MS  30000
#define RSA_BITS_FEW 2048

/* What came of one key. */
struct look {
	int status;        /* CLI_OK, CLI_WRONG, CLI_LATER */
	const char *state; /* a word for programs */
	const char *text;  /* for people, in the arena */
	const char *warnings[4];
	size_t nwarnings;
};

struct looking {
	struct dkim_entries *entries;
	struct answers answers;
	struct look *looks; /* in the entries' arena */
};

/* --- the DNS ------------------------------------------------------------------ */

static void
settled(void *loop)
{
	loop_stop(loop);
}

/* All at once. */
static void
looking_ask(struct looking *l, struct cli_dns *d)
{
	struct resolve resolve;

	resolve_init(&resolve, d->loop, d->dns, &l->answers, DEADLINE_MS,
		     settled, d->loop);
	for (size_t i = 0; i < l->entries->n; i++) {
		const struct dkim_entry *e = &l->entries->v[i];

		answers_find(&l->answers,
			     dkim_key_name(e->selector, e->domain,
					   &l->entries->arena),
			     ANSWER_TXT);
	}
	if (resolve_open(&resolve))
		loop_run(d->loop);
	resolve_done(&resolve);
}

/* --- one key ------------------------------------------------------------------- */

static void
look_is(struct look *look, int status, const char *state, const char *text)
{
	look->status = status;
	look->state = state;
	look->text = text;
}

static void
look_warn(struct look *look, const char *text)
{
	look->warnings[look->nwarnings++] = text;
}

static void
look_warnings(struct look *look, const struct dkim_entry *e,
	      const struct dkim_record *record)
{
	if (record->testing)
		look_warn(look, "t=y: receivers take a broken signature for "
				"none, and some a good one; remove it once it "
				"works");
	if (record->no_subs)
		look_warn(look, "t=s: no identity in a subdomain may sign "
				"with it");
	if (dkim_key_algorithm(e->key) == DKIM_RSA_SHA256 &&
	    dkim_key_bits(e->key) < RSA_BITS_FEW)
		look_warn(look, "a short key: 2,048 bits are usual");
}

/* The record against the key. */
static void
look_at_record(struct look *look, const struct dkim_entry *e, const char *text,
	       size_t len, struct arena *arena)
{
	struct dkim_record record;
	const char *why = NULL;

	if (dkim_record_parse(text, len, arena, &record, &why) < 0)
		look_is(look, CLI_WRONG, "malformed", why);
	else if (record.revoked)
		look_is(look, CLI_WRONG, "revoked",
			"the key is revoked (p= is empty)");
	else if (record.algorithm != dkim_key_algorithm(e->key) ||
		 strcmp(record.key, dkim_key_public(e->key)) != 0)
		look_is(look, CLI_WRONG, "mismatch",
			"the DNS has another key than the one that signs");
	else
		look_is(look, CLI_OK, "ok",
			arena_printf(arena, "%s, %u bits",
				     dkim_algorithm_names[dkim_key_algorithm(
					     e->key)],
				     dkim_key_bits(e->key)));
	if (look->status == CLI_OK)
		look_warnings(look, e, &record);
}

static void
look_at_answer(struct look *look, const struct dkim_entry *e,
	       const struct answer *a, struct arena *arena)
{
	const struct answer_record *found = NULL;
	size_t n = 0;

	if (a->status == ANSWER_TEMPFAIL) {
		look_is(look, CLI_LATER, "temperror",
			arena_printf(arena, "the DNS does not say: %s",
				     a->why));
		return;
	}
	for (size_t i = 0; i < a->n; i++)
		if (dkim_record_is(a->records[i].data, a->records[i].len)) {
			found = &a->records[i];
			n++;
		}
	if (n == 1)
		look_at_record(look, e, found->data, found->len, arena);
	else if (n > 1)
		look_is(look, CLI_WRONG, "several",
			"the DNS has more than one key there");
	else
		look_is(look, CLI_WRONG, "missing",
			a->n > 0 ? "the DNS has a TXT there, but no key"
				 : "the DNS has no key there; `belfry dkim "
				   "record` prints it");
}

static void
looking_judge(struct looking *l)
{
	struct arena *arena = &l->entries->arena;

	for (size_t i = 0; i < l->entries->n; i++) {
		const struct dkim_entry *e = &l->entries->v[i];
		const char *name = dkim_key_name(e->selector, e->domain, arena);

		if (e->key == NULL)
			look_is(&l->looks[i], CLI_WRONG, "unreadable", e->why);
		else
			look_at_answer(
				&l->looks[i], e,
				answers_find(&l->answers, name, ANSWER_TXT),
				arena);
	}
}

/* --- what is said ----------------------------------------------------------------- */

static void
put_text(const char *name, const struct look *look)
{
	printf("%s: %s", name, look->status == CLI_OK ? "ok, " : "");
	text_put(look->text, stdout);
	putchar('\n');
	for (size_t i = 0; i < look->nwarnings; i++)
		printf("  warning: %s\n", look->warnings[i]);
}

/* What the DNS says need not be UTF-8. */
static json_t *
json_clean(const char *s)
{
	char *text = text_clean(s);
	json_t *json = json_string(text);

	free(text);
	return json;
}

static void
put_json(const char *name, const struct dkim_entry *e, const struct look *look)
{
	json_t *warnings = json_array(), *json;

	for (size_t i = 0; i < look->nwarnings; i++)
		json_array_append_new(warnings, json_string(look->warnings[i]));
	json = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "name", name,
			 "selector", e->selector, "domain", e->domain, "state",
			 look->state, "text", json_clean(look->text),
			 "warnings", warnings);
	json_dumpf(json, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(json);
}

/* What is wrong counts for more than what is not known. */
static int
looking_put(struct looking *l, bool json)
{
	int status = CLI_OK;

	for (size_t i = 0; i < l->entries->n; i++) {
		const struct dkim_entry *e = &l->entries->v[i];
		const struct look *look = &l->looks[i];
		const char *name = dkim_key_name(e->selector, e->domain,
						 &l->entries->arena);

		if (json)
			put_json(name, e, look);
		else
			put_text(name, look);
		if (status != CLI_WRONG && look->status != CLI_OK)
			status = look->status;
	}
	return status;
}

int
cli_dkim_check(const struct cli *cli, int argc, char **argv)
{
	struct dkim_entries entries;
	struct looking l = {.entries = &entries};
	struct dkim_choice choice;
	struct cli_dns d;
	int r;

	if (!dkim_choice_parse(argc, argv, &choice) || choice.testing)
		return cli_usage(cli);
	r = dkim_entries_load(cli, &choice, &entries);
	if (r != CLI_OK)
		return r;
	r = cli_dns_open(cli, &d);
	if (r == CLI_OK) {
		answers_init(&l.answers, &entries.arena, (unsigned)entries.n);
		l.looks = arena_alloc(&entries.arena,
				      entries.n * sizeof(*l.looks));
		looking_ask(&l, &d);
		looking_judge(&l);
		r = looking_put(&l, choice.json);
		cli_dns_close(&d);
	}
	dkim_entries_free(&entries);
	return r;
}
