#include "tests/proto/backend_seal.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "relay/smtp_in_seal.h"

/* Who may send for whom, and whose key is which. */
static const char be_zone[] =
	"good.example TXT v=spf1 ip4:192.0.2.0/24 -all\n"
	"bad.example TXT v=spf1 -all\n"
	"far.example TXT v=spf1 ip4:198.51.100.0/24 -all\n"
	"_dmarc.bad.example TXT v=DMARC1; p=reject\n"
	"_dmarc.soft.example TXT v=DMARC1; p=quarantine\n"
	"soft.example TXT v=spf1 -all\n"
	"_dmarc.mute.example TIMEOUT\n"
	"mute.example TIMEOUT\n";

void
backend_judge(struct backend *b, enum verdict_how how, const char *action)
{
	char *text = xasprintf(
		"hostname: relay.example.org\n"
		"verdict: {dmarc: {on_reject: %s, on_quarantine: mark}, "
		"trusted_authserv: [{id: edge.example, networks: "
		"[192.0.2.1]}]}\n",
		action);
	struct conf_errors e;
	const char *why;

	conf_errors_init(&e);
	must(config_load_text("backend", text, strlen(text), &b->judging_conf,
			      &e) == 0);
	conf_errors_done(&e);
	free(text);
	must(judge_new(&b->judging_conf->verdict, "relay.example.org",
		       &b->conf.judge, &why) == 0);
	b->how = how;
	zone_init(&b->zone);
	zone_load(&b->zone, be_zone);
}

/* anna@signed.example has a key of Ed25519. */
void
backend_sign(struct backend *b)
{
	static const char match[] = "signed.example";
	struct dkim_key *key;
	struct dkim_rule *rule;
	struct pattern *p;
	char *why;

	must(pattern_new(match, '+', &p, &why) == 0);
	must(dkim_key_generate(DKIM_ED25519_SHA256, 0, &key) == 0);
	b->conf.keys = dkim_keys_new();
	rule = dkim_keys_add(b->conf.keys, p, match);
	dkim_rule_add(rule, "s1", key);
}

/* Who is in 10/8 is trusted. */
bool
be_knows(void *arg, const struct sockaddr_any *address)
{
	char text[SOCKADDR_TEXT_MAX];

	(void)arg;
	sockaddr_ip(address, text);
	return strncmp(text, "10.", 3) == 0;
}

struct verdict *
be_judge(void *arg, const char *header, size_t len)
{
	struct backend *b = arg;
	struct verdict_message m = {
		.how = b->how,
		.sender = b->si.given_sender,
		.header = header,
		.header_len = len,
		.now_ms = BACKEND_NOW_MS,
	};
	struct sockaddr_any peer;

	must(sockaddr_parse_ip("192.0.2.1", 0, &peer) == 0);
	si_seal_whose(&b->si, &peer, &m);
	return verdict_new(b->conf.judge, &m);
}

bool
be_resolve(void *arg, struct verdict *v)
{
	struct backend *b = arg;

	must(!b->resolving && v != NULL);
	if (verdict_look(v) == 0)
		return false;
	b->resolving = true;
	return true;
}

const char *
be_judged(void *arg, uint64_t id, struct verdict *v,
	  const struct verdict_result *r, struct arena *arena)
{
	struct backend *b = arg;

	must(id == b->last_id && verdict_message(v)->helo != NULL);
	return arena_strdup(arena, verdict_disposition_names[r->disposition]);
}

void
be_sign(void *arg, struct dkim_signing *s)
{
	struct backend *b = arg;

	must(b->signing == NULL);
	b->signing = s;
}

void
be_not_signed(void *arg, uint64_t id)
{
	struct backend *b = arg;

	must(id == b->last_id);
}

void
be_reserve(void *arg, size_t max_bytes)
{
	struct backend *b = arg;

	must(b->drafting && b->draft.len == 0);
	b->reserved = max_bytes;
}

int
be_front(void *arg, const void *data, size_t len)
{
	struct backend *b = arg;
	struct buf all;

	must(b->drafting && len <= b->reserved);
	if (b->front_result < 0)
		return b->front_result;
	buf_init(&all, b->draft.max);
	must(buf_append(&all, data, len) == 0);
	must(buf_append(&all, b->draft.data, b->draft.len) == 0);
	buf_done(&b->draft);
	b->draft = all;
	return 0;
}

/* The verdict may have been dropped meanwhile. */
void
be_settle_seal(struct backend *b)
{
	struct dkim_signing *signing = b->signing;
	struct buf fields;

	if (b->resolving) {
		b->resolving = false;
		while (b->si.verdict != NULL && verdict_look(b->si.verdict) < 0)
			must(zone_settle(&b->zone,
					 verdict_answers(b->si.verdict)));
		if (b->si.verdict != NULL)
			smtp_in_judged(&b->si);
	}
	if (signing == NULL)
		return;
	b->signing = NULL;
	buf_init(&fields, SI_SEAL_MAX);
	must(dkim_signing_end(signing, &fields) == 0);
	dkim_signing_free(&signing);
	smtp_in_signed(&b->si, b->sign_result, &fields);
	buf_done(&fields);
}

void
be_seal_done(struct backend *b)
{
	dkim_signing_free(&b->signing);
	dkim_keys_unref(&b->conf.keys);
	if (b->conf.judge != NULL)
		zone_done(&b->zone);
	judge_unref(&b->conf.judge);
	config_unref(&b->judging_conf);
}
