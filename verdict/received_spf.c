#include "verdict/received_spf.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "verdict/field_text.h"

/* dot-atom of RFC 5322. */
static bool
rs_is_dot_atom(const char *s)
{
	bool dot = true;

	for (; *s != '\0'; s++) {
		if (*s == '.' && dot)
			return false;
		dot = *s == '.';
		if (!dot && (unsigned char)*s < 0x80 &&
		    !isalnum((unsigned char)*s) &&
		    strchr("!#$%&'*+-/=?^_`{|}~", *s) == NULL)
			return false;
	}
	return !dot;
}

/* As the examples of RFC 7208 have it. */
static void
rs_comment(struct field_text *t, const struct received_spf *r)
{
	static const struct {
		const char *says, *of;
	} words[] = {
		[SPF_NONE] = {" has no record for ", ""},
		[SPF_NEUTRAL] = {" says nothing about ", ""},
		[SPF_PASS] = {" designates ", " as permitted sender"},
		[SPF_FAIL] = {" does not designate ", " as permitted sender"},
		[SPF_SOFTFAIL] = {" does not quite forbid ", ""},
		[SPF_TEMPERROR] = {" can't be asked now about ", ""},
		[SPF_PERMERROR] = {" has a record of no use for ", ""},
	};
	const struct spf_verdict *v = r->verdict;
	char text[FIELD_TEXT_MAX];

	snprintf(text, sizeof(text), "%s: %s%s%s%s", r->receiver, v->domain,
		 words[v->result].says, r->client_ip, words[v->result].of);
	field_text_comment(t, text);
}

static void
rs_pair(struct field_text *t, const char *key, const char *text)
{
	char value[FIELD_VALUE_MAX + 1], word[sizeof(value) + 32];

	field_value(t, text, rs_is_dot_atom, value);
	snprintf(word, sizeof(word), "%s=%s;", key, value);
	field_text_word(t, word);
}

int
received_spf_write(const struct received_spf *r, bool utf8, struct buf *out)
{
	const struct spf_verdict *v = r->verdict;
	struct field_text t;

	field_text_init(&t, RECEIVED_SPF_NAME, utf8, out);
	field_text_word(&t, spf_result_names[v->result]);
	rs_comment(&t, r);
	rs_pair(&t, "client-ip", r->client_ip);
	rs_pair(&t, "envelope-from", r->sender);
	rs_pair(&t, "helo", r->helo);
	rs_pair(&t, "receiver", r->receiver);
	if (v->term[0] != '\0')
		rs_pair(&t, "mechanism", v->term);
	if (v->why[0] != '\0')
		rs_pair(&t, "problem", v->why);
	rs_pair(&t, "identity", r->scope == SPF_HELO ? "helo" : "mailfrom");
	return field_text_end(&t);
}
