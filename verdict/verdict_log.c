#include "verdict/verdict_log.h"

#include <stdio.h>
#include <string.h>

#include "base/must.h"

void
verdict_dkim_text(const struct verdict_result *r,
		  char ret[static VERDICT_LOG_DKIM_MAX])
{
	size_t n = 0;

	snprintf(ret, VERDICT_LOG_DKIM_MAX, "none");
	for (size_t i = 0; i < r->dkim->n; i++) {
		const struct dkim_signature *s = &r->dkim->signatures[i];
		int len = snprintf(ret + n, VERDICT_LOG_DKIM_MAX - n, "%s%s:%s",
				   i > 0 ? "," : "", s->domain,
				   dkim_result_names[s->result]);

		if ((size_t)len >= VERDICT_LOG_DKIM_MAX - n) {
			ret[n] = '\0';
			return;
		}
		n += (size_t)len;
	}
}

/* What there is none of has no field. */
static const char *
vl_text(const char *s)
{
	return s != NULL && s[0] != '\0' ? s : NULL;
}

void
verdict_log(const struct log_context *log, struct verdict *v,
	    const struct verdict_result *r, const char *from,
	    const struct log_field *more)
{
	const struct verdict_message *m = verdict_message(v);
	const struct spf_verdict *spf =
		r->mail_from != NULL ? r->mail_from : r->helo;
	const struct dmarc_verdict *dmarc = r->dmarc;
	char ip[SOCKADDR_TEXT_MAX], dkim[VERDICT_LOG_DKIM_MAX];
	struct log_field fields[VERDICT_LOG_MORE_MAX + 16];
	size_t n = 0;

	sockaddr_ip(&m->client, ip);
	verdict_dkim_text(r, dkim);
	for (; more[n].type != LOG_END; n++) {
		must(n < VERDICT_LOG_MORE_MAX);
		fields[n] = more[n];
	}
	fields[n++] = LOG_STR("client", ip);
	fields[n++] = LOG_STR("helo", m->helo);
	fields[n++] = LOG_ADDR("from", from);
	fields[n++] = LOG_STR("author",
			      dmarc != NULL ? vl_text(dmarc->author) : NULL);
	fields[n++] = LOG_STR(
		"spf", spf_result_names[spf != NULL ? spf->result : SPF_NONE]);
	fields[n++] = LOG_STR("dkim", dkim);
	fields[n++] = LOG_STR(
		"dmarc",
		dmarc_result_names[dmarc != NULL ? dmarc->result : DMARC_NONE]);
	fields[n++] = LOG_STR(
		"policy", dmarc != NULL ? vl_text(dmarc->policy_domain) : NULL);
	fields[n++] = LOG_STR("disposition",
			      verdict_disposition_names[r->disposition]);
	fields[n++] = LOG_STR("reason", vl_text(r->reason));
	fields[n++] = LOG_STR("believed", r->believed);
	fields[n++] = LOG_INT("questions", r->questions);
	fields[n] = (struct log_field){0, LOG_END, 0, 0};
	log_emit(log, LOG_INFO, "verdict", fields);
}
