#include <stdio.h>
#include <string.h>

#include "verdict/auth_results.h"
#include "verdict/field_text.h"
#include "verdict/received_spf.h"
#include "verdict/verdict_impl.h"

static void
vf_add(struct verdict *v, const char *name, const struct buf *value)
{
	struct verdict_field *f = &v->result.fields[v->result.nfields++];

	f->name = name;
	f->value = arena_strndup(&v->arena, value->data, value->len);
}

/* --- Authentication-Results ---------------------------------------------------- */

static struct auth_result *
ar_new(struct auth_results *a, const char *method, const char *result)
{
	struct auth_result *r = &a->v[a->n++];

	*r = (struct auth_result){.method = method, .result = result};
	return r;
}

/* What is not known has no property. */
static void
ar_prop(struct auth_result *r, const char *type, const char *name,
	const char *value)
{
	if (value[0] != '\0')
		r->props[r->n++] = (struct auth_prop){type, name, value};
}

static void
ar_spf(struct verdict *v, struct auth_results *a, const struct spf_verdict *spf,
       const char *property, const char *value)
{
	struct auth_result *r = ar_new(a, "spf", spf_result_names[spf->result]);
	char ip[SOCKADDR_TEXT_MAX];

	sockaddr_ip(&v->message.client, ip);
	if (spf->why[0] != '\0')
		r->comment = spf->why;
	else if (spf->term[0] != '\0')
		r->comment = arena_printf(&v->arena, "%s: %s of %s", ip,
					  spf->term, spf->domain);
	ar_prop(r, "smtp", property, value);
}

static void
ar_dkim(struct verdict *v, struct auth_results *a,
	const struct dkim_signature *s)
{
	struct auth_result *r = ar_new(a, "dkim", dkim_result_names[s->result]);

	if (s->result == DKIM_PASS && s->key_bits > 0)
		r->comment =
			arena_printf(&v->arena, "%u-bit key%s", s->key_bits,
				     s->testing ? ", testing" : "");
	r->reason = s->why;
	ar_prop(r, "header", "d", s->domain);
	ar_prop(r, "header", "i", s->identity);
	ar_prop(r, "header", "s", s->selector);
	ar_prop(r, "header", "a", s->algorithm);
	ar_prop(r, "header", "b", s->start);
}

static void
ar_dmarc(struct verdict *v, struct auth_results *a)
{
	const struct dmarc_verdict *d = &v->dmarc;
	struct auth_result *r =
		ar_new(a, "dmarc", dmarc_result_names[d->result]);

	if (d->policy_domain[0] != '\0')
		r->comment = arena_printf(
			&v->arena, "%s=%s, done: %s", dmarc_tag_names[d->tag],
			dmarc_policy_names[d->policy],
			verdict_disposition_names[v->result.disposition]);
	if (d->result != DMARC_PASS && d->result != DMARC_NONE)
		r->reason = d->why;
	ar_prop(r, "header", "from", d->author);
}

static void
vf_auth_results(struct verdict *v, struct buf *value)
{
	struct auth_results a = {.authserv_id = v->judge->authserv_id};
	const struct verdict_result *r = &v->result;

	if (r->mail_from != NULL)
		ar_spf(v, &a, r->mail_from, "mailfrom", v->message.sender);
	if (r->helo != NULL &&
	    (r->mail_from == NULL || r->helo->result != SPF_NONE))
		ar_spf(v, &a, r->helo, "helo", v->message.helo);
	for (size_t i = 0; i < r->dkim->n; i++)
		ar_dkim(v, &a, &r->dkim->signatures[i]);
	if (r->dkim->n == 0)
		ar_new(&a, "dkim", dkim_result_names[DKIM_NONE]);
	ar_dmarc(v, &a);
	if (auth_results_write(&a, v->message.utf8, value) == 0)
		vf_add(v, AUTH_RESULTS_NAME, value);
}

/* --- the others ---------------------------------------------------------------- */

static void
vf_received_spf(struct verdict *v, struct buf *value)
{
	const struct verdict_result *r = &v->result;
	char ip[SOCKADDR_TEXT_MAX];
	struct received_spf spf = {
		.verdict = r->mail_from != NULL ? r->mail_from : r->helo,
		.scope = r->mail_from != NULL ? SPF_MAIL_FROM : SPF_HELO,
		.client_ip = ip,
		.helo = v->message.helo,
		.sender = v->message.sender,
		.receiver = v->judge->hostname,
	};

	sockaddr_ip(&v->message.client, ip);
	if (spf.verdict != NULL &&
	    received_spf_write(&spf, v->message.utf8, value) == 0)
		vf_add(v, RECEIVED_SPF_NAME, value);
}

static void
vf_mark(struct verdict *v, struct buf *value)
{
	struct field_text t;

	field_text_init(&t, VERDICT_MARK_NAME, v->message.utf8, value);
	field_text_words(&t, v->result.reason);
	if (field_text_end(&t) == 0)
		vf_add(v, VERDICT_MARK_NAME, value);
}

void
verdict_write_fields(struct verdict *v)
{
	struct buf value;

	buf_init(&value, VERDICT_FIELD_MAX);
	if (v->result.disposition == VERDICT_MARK)
		vf_mark(v, &value);
	buf_clear(&value);
	vf_auth_results(v, &value);
	buf_clear(&value);
	if (v->judge->conf.spf.received_spf)
		vf_received_spf(v, &value);
	buf_done(&value);
}
