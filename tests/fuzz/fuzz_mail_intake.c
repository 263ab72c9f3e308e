/*
 * Mails to the alert address: the first octet says how one came, up to the first
 * NUL stands the recipient's extension, then the mail. Nobody acts without a
 * token that only we can make.
 */
#include "alert/mail_intake.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/utf8.h"
#include "base/xalloc.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const struct alert_link_key key = {.bytes = {7}};
static const char *const domains[] = {"example.org"};

static struct source_mail_rule *
make_rule(void)
{
	static struct source_mail_rule rule = {
		.dedup_key = "$1",
		.title = "$0 $2 $$",
		.severity = "$9",
	};
	struct expression *e = NULL;
	char *why = NULL;

	if (rule.subject == NULL) {
		must(expression_new("(a+)(b)?", 0, &e, &why) == 0);
		rule.subject = e;
	}
	return &rule;
}

static void
check_labels(const struct labels *l)
{
	for (size_t i = 0; i < l->n; i++)
		must(utf8_is_valid(l->v[i].value));
}

static void
check(const struct mail_meaning *m)
{
	must(m->kind != MAIL_REPLY && m->kind != MAIL_BOUNCE);
	must(m->batch.n == (m->kind == MAIL_ALERT ? 1 : 0));
	must(m->kind == MAIL_ALERT || *m->why != '\0');
	must(utf8_is_valid(m->why));
	if (m->batch.n == 0)
		return;
	must(labels_get(&m->batch.v->labels, "alertname") != NULL);
	check_labels(&m->batch.v->labels);
	check_labels(&m->batch.v->annotations);
	must(m->batch.v->key == NULL || utf8_is_valid(m->batch.v->key));
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	const struct rules_source source = {
		.name = "source",
		.kind = SOURCE_MAIL,
		.nrules = size > 0 && (data[0] & 1) != 0 ? 1 : 0,
		.rules = make_rule(),
		.ndomains = 1,
		.domains = domains,
	};
	struct mime_mail mail;
	struct mail_intake in = {
		.mail = &mail,
		.sources = &source,
		.nsources = 1,
		.key = &key,
		.now_ms = 1795234200000,
	};
	const unsigned char *end;
	struct mail_meaning m;
	struct arena a;

	if (size < 2)
		return 0;
	end = memchr(data + 1, '\0', size - 1);
	if (end == NULL)
		return 0;
	in.token = (const char *)data + 1;
	in.vouched = (data[0] & 2) != 0;
	in.by_token = (data[0] & 4) != 0 ? &source : NULL;
	in.sender = (data[0] & 8) != 0 ? "" : "a@example.org";
	arena_init(&a);
	end++;
	if (mime_read((const char *)end, size - (size_t)(end - data), &a,
		      &mail) == 0) {
		mail_intake(&in, &m);
		check(&m);
		alert_batch_done(&m.batch);
	}
	arena_done(&a);
	return 0;
}
