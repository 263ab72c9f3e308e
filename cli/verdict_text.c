#include <stdio.h>

#include "cli/explain.h"
#include "cli/text.h"
#include "cli/verdict.h"

#define INDENT 2

/* " (WHY)", if there is one. */
static void
put_why(const char *why)
{
	if (why[0] != '\0') {
		fputs(" (", stdout);
		text_put(why, stdout);
		putchar(')');
	}
	putchar('\n');
}

static void
put_spf(const struct spf_verdict *v, const char *what, const char *whose,
	const struct steps *steps)
{
	if (v == NULL)
		return;
	printf("SPF of %s ", what);
	text_put(whose, stdout);
	printf(": %s", spf_result_names[v->result]);
	put_why(v->why[0] != '\0' ? v->why : v->term);
	explain_put_steps(steps, INDENT);
}

static void
put_dkim(const struct dkim_verdict *v, const struct steps *steps)
{
	if (v->n == 0)
		puts("DKIM: none");
	for (size_t i = 0; i < v->n; i++) {
		const struct dkim_signature *s = &v->signatures[i];

		printf("DKIM %zu of ", i);
		text_put(s->domain, stdout);
		fputs(", selector ", stdout);
		text_put(s->selector, stdout);
		fputs(", ", stdout);
		text_put(s->algorithm, stdout);
		printf(": %s", dkim_result_names[s->result]);
		put_why(s->why);
	}
	if (v->left_out > 0)
		printf("DKIM: %zu more signatures were not looked at\n",
		       v->left_out);
	explain_put_steps(steps, INDENT);
}

static void
put_dmarc(const struct dmarc_verdict *v, const struct steps *steps)
{
	fputs("DMARC of ", stdout);
	text_put(v->author, stdout);
	printf(": %s", dmarc_result_names[v->result]);
	put_why(v->why);
	explain_put_steps(steps, INDENT);
	if (v->policy_domain[0] == '\0')
		return;
	fputs("policy: ", stdout);
	text_put(v->policy_domain, stdout);
	printf(" has %s=%s; asked for: %s\n", dmarc_tag_names[v->tag],
	       dmarc_policy_names[v->policy], dmarc_policy_names[v->asked]);
}

static void
put_outcome(const struct verdict_result *r)
{
	printf("disposition: %s", verdict_disposition_names[r->disposition]);
	put_why(r->reason);
	if (r->reply.code != 0) {
		printf("reply: %d %s ", r->reply.code, r->reply.dsn);
		text_put(r->reply.text, stdout);
		putchar('\n');
	}
	for (size_t i = 0; i < r->nforged; i++)
		printf("taken out: Authentication-Results %u\n",
		       r->forged[i].nth);
}

/* They are folded: line by line. */
static void
put_fields(const struct verdict_result *r)
{
	for (size_t i = 0; i < r->nfields; i++) {
		printf("%s:", r->fields[i].name);
		for (const char *s = r->fields[i].value; *s != '\0'; s++)
			if (*s != '\r')
				putchar(*s);
		putchar('\n');
	}
}

void
verdict_put_text(struct verdict *v, const struct verdict_result *r)
{
	const struct verdict_message *m = verdict_message(v);

	put_spf(r->helo, "HELO", m->helo, &r->steps->helo);
	put_spf(r->mail_from, "MAIL FROM", m->sender, &r->steps->mail_from);
	put_dkim(r->dkim, &r->steps->dkim);
	put_dmarc(r->dmarc, &r->steps->dmarc);
	puts("\nThe DNS says:");
	explain_put_answers(verdict_answers(v));
	putchar('\n');
	put_outcome(r);
	putchar('\n');
	put_fields(r);
}
