#include <jansson.h>
#include <stdio.h>

#include "cli/explain.h"
#include "cli/verdict.h"

static json_t *
json_spf(const struct spf_verdict *v, const struct steps *steps)
{
	if (v == NULL)
		return json_null();
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:i, s:i, s:o}", "result",
			 spf_result_names[v->result], "domain",
			 explain_json_text(v->domain), "term",
			 explain_json_text(v->term), "why",
			 explain_json_text(v->why), "explanation",
			 explain_json_text(v->explanation), "lookups",
			 (int)v->lookups, "voids", (int)v->voids, "steps",
			 explain_json_steps(steps));
}

static json_t *
json_signature(const struct dkim_signature *s)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:i, s:b, s:b}",
			 "result", dkim_result_names[s->result], "domain",
			 explain_json_text(s->domain), "selector",
			 explain_json_text(s->selector), "algorithm",
			 explain_json_text(s->algorithm), "identity",
			 explain_json_text(s->identity), "why",
			 explain_json_text(s->why), "key_bits",
			 (int)s->key_bits, "testing", s->testing, "authentic",
			 s->authentic);
}

static json_t *
json_dkim(const struct dkim_verdict *v, const struct steps *steps)
{
	json_t *signatures = json_array();

	for (size_t i = 0; i < v->n; i++)
		json_array_append_new(signatures,
				      json_signature(&v->signatures[i]));
	return json_pack("{s:o, s:i, s:o}", "signatures", signatures,
			 "left_out", (int)v->left_out, "steps",
			 explain_json_steps(steps));
}

/* The places of the signatures that are aligned. */
static json_t *
json_aligned(const struct dmarc_verdict *v)
{
	json_t *json = json_array();

	for (int i = 0; i < DMARC_DKIM_MAX; i++)
		if ((v->dkim_aligned & (UINT32_C(1) << i)) != 0)
			json_array_append_new(json, json_integer(i));
	return json;
}

static json_t *
json_dmarc(const struct dmarc_verdict *v, const struct steps *steps)
{
	bool record = v->policy_domain[0] != '\0';

	return json_pack(
		"{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:b, s:o, s:o, s:o}",
		"result", dmarc_result_names[v->result], "author",
		explain_json_text(v->author), "organisation",
		explain_json_text(v->organisation), "policy_domain",
		record ? explain_json_text(v->policy_domain) : json_null(),
		"record",
		record ? explain_json_text(v->record.text) : json_null(),
		"policy",
		record ? json_string(dmarc_policy_names[v->policy])
		       : json_null(),
		"tag",
		record ? json_string(dmarc_tag_names[v->tag]) : json_null(),
		"asked", dmarc_policy_names[v->asked], "spf_aligned",
		v->spf_aligned, "dkim_aligned", json_aligned(v), "why",
		explain_json_text(v->why), "steps", explain_json_steps(steps));
}

static json_t *
json_fields(const struct verdict_result *r)
{
	json_t *json = json_array();

	for (size_t i = 0; i < r->nfields; i++)
		json_array_append_new(
			json, json_pack("{s:s, s:s}", "name", r->fields[i].name,
					"value", r->fields[i].value));
	return json;
}

static json_t *
json_forged(const struct verdict_result *r)
{
	json_t *json = json_array();

	for (size_t i = 0; i < r->nforged; i++)
		json_array_append_new(json, json_integer(r->forged[i].nth));
	return json;
}

static json_t *
json_reply(const struct reply *reply)
{
	if (reply->code == 0)
		return json_null();
	return json_pack("{s:i, s:s, s:s}", "code", reply->code, "dsn",
			 reply->dsn, "text", reply->text);
}

void
verdict_put_json(struct verdict *v, const struct verdict_result *r)
{
	json_t *json = json_pack(
		"{s:s, s:o, s:o, s:{s:o, s:o}, s:o, s:o, s:o, s:o, s:i, s:o}",
		"disposition", verdict_disposition_names[r->disposition],
		"reason", explain_json_text(r->reason), "reply",
		json_reply(&r->reply), "spf", "helo",
		json_spf(r->helo, &r->steps->helo), "mail_from",
		json_spf(r->mail_from, &r->steps->mail_from), "dkim",
		json_dkim(r->dkim, &r->steps->dkim), "dmarc",
		json_dmarc(r->dmarc, &r->steps->dmarc), "fields",
		json_fields(r), "forged", json_forged(r), "questions",
		(int)r->questions, "dns",
		explain_json_answers(verdict_answers(v)));

	json_dumpf(json, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(json);
}
