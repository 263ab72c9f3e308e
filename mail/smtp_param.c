#include "mail/smtp_param.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "mail/xtext.h"

#define PARAM_NAME_MAX 64

struct sp_value {
	const char *s;
	size_t len;
	bool given; /* behind "=", perhaps nothing */
};

static bool
sp_is(struct sp_value v, const char *text)
{
	return v.len == strlen(text) && strncasecmp(v.s, text, v.len) == 0;
}

int
smtp_number_parse(const char *s, size_t len, int64_t *ret)
{
	const int64_t ceiling = INT64_MAX / 10 - 1;
	int64_t n = 0;

	if (len == 0 || len > 20)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -EINVAL;
		if (n < ceiling)
			n = n * 10 + (s[i] - '0');
	}
	*ret = n;
	return 0;
}

/* RFC 1870, 3. */
static int
sp_size(struct sp_value v, struct arena *arena, struct smtp_command *c)
{
	(void)arena;
	return c->size >= 0 ? -EINVAL : smtp_number_parse(v.s, v.len, &c->size);
}

static int
sp_body(struct sp_value v, struct arena *arena, struct smtp_command *c)
{
	(void)arena;
	if (sp_is(v, "7BIT"))
		c->body = SMTP_BODY_7BIT;
	else if (sp_is(v, "8BITMIME"))
		c->body = SMTP_BODY_8BITMIME;
	else
		return -EINVAL;
	return 0;
}

static int
sp_ret(struct sp_value v, struct arena *arena, struct smtp_command *c)
{
	(void)arena;
	return c->ret != DSN_RET_NONE ? -EINVAL
				      : dsn_ret_parse(v.s, v.len, &c->ret);
}

static int
sp_envid(struct sp_value v, struct arena *arena, struct smtp_command *c)
{
	return c->envid != NULL ? -EINVAL
				: dsn_envid_parse(v.s, v.len, arena, &c->envid);
}

static int
sp_notify(struct sp_value v, struct arena *arena, struct smtp_command *c)
{
	(void)arena;
	return c->notify != 0 ? -EINVAL
			      : dsn_notify_parse(v.s, v.len, &c->notify);
}

static int
sp_orcpt(struct sp_value v, struct arena *arena, struct smtp_command *c)
{
	return c->orcpt != NULL ? -EINVAL
				: dsn_orcpt_parse(v.s, v.len, arena, &c->orcpt);
}

/* RFC 6531, 3.4: it has no value. */
static int
sp_smtputf8(struct sp_value v, struct arena *arena, struct smtp_command *c)
{
	(void)arena;
	if (v.given || c->smtputf8)
		return -EINVAL;
	c->smtputf8 = true;
	return 0;
}

/* RFC 4954, 5: who sent it to whom it came from. Nobody here is asked to
 * believe that. */
static int
sp_auth(struct sp_value v, struct arena *arena, struct smtp_command *c)
{
	const char *text;

	(void)c;
	if (v.len == 0)
		return -EINVAL;
	return sp_is(v, "<>") ? 0 : xtext_decode_utf8(v.s, v.len, arena, &text);
}

static const struct sp_row {
	enum smtp_verb verb;
	const char *name;
	int (*parse)(struct sp_value v, struct arena *arena,
		     struct smtp_command *c);
	const char *wrong;
} sp_rows[] = {
	{SMTP_MAIL, "SIZE", sp_size, "say SIZE=number once"},
	{SMTP_MAIL, "BODY", sp_body, "BODY is 7BIT or 8BITMIME"},
	{SMTP_MAIL, "RET", sp_ret, "say RET=FULL or RET=HDRS once"},
	{SMTP_MAIL, "ENVID", sp_envid,
	 "say ENVID once, in at most 100 characters of xtext"},
	{SMTP_MAIL, "SMTPUTF8", sp_smtputf8,
	 "say SMTPUTF8 once, without a value"},
	{SMTP_MAIL, "AUTH", sp_auth, "say AUTH=<> or AUTH=address in xtext"},
	{SMTP_RCPT, "NOTIFY", sp_notify,
	 "say NOTIFY=NEVER or some of SUCCESS,FAILURE,DELAY once"},
	{SMTP_RCPT, "ORCPT", sp_orcpt,
	 "say ORCPT=type;address once, the address in xtext"},
};

/* esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-"). Only such a one may
 * stand in a reply of ours. */
static bool
sp_is_keyword(struct sp_value name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.s[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && (c != '-' || i == 0))
			return false;
	}
	return name.len > 0 && name.len <= PARAM_NAME_MAX;
}

int
smtp_param_parse(const char *word, size_t len, struct arena *arena,
		 struct smtp_command *c, struct reply *ret_reply)
{
	const char *eq = memchr(word, '=', len);
	struct sp_value name = {word, len, true}, value = {"", 0, false};

	if (eq != NULL) {
		name.len = (size_t)(eq - word);
		value.s = eq + 1;
		value.len = len - name.len - 1;
		value.given = true;
	}
	for (size_t i = 0; i < sizeof(sp_rows) / sizeof(sp_rows[0]); i++) {
		const struct sp_row *row = &sp_rows[i];

		if (row->verb != c->verb || !sp_is(name, row->name))
			continue;
		if (row->parse(value, arena, c) == 0)
			return 0;
		reply_set(ret_reply, 501, "5.5.4", "%s", row->wrong);
		return -EINVAL;
	}
	if (sp_is_keyword(name))
		reply_set(ret_reply, 555, "5.5.4",
			  "%s parameter %.*s is not known here",
			  smtp_verb_names[c->verb], (int)name.len, name.s);
	else
		reply_set(ret_reply, 501, "5.5.4",
			  "a parameter is KEYWORD or KEYWORD=value");
	return -EINVAL;
}
