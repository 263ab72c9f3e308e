#include "mail/smtp_command.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "mail/smtp_param.h"

const char *const smtp_verb_names[] = {
	[SMTP_EHLO] = "EHLO",         [SMTP_HELO] = "HELO",
	[SMTP_MAIL] = "MAIL",         [SMTP_RCPT] = "RCPT",
	[SMTP_DATA] = "DATA",         [SMTP_BDAT] = "BDAT",
	[SMTP_RSET] = "RSET",         [SMTP_NOOP] = "NOOP",
	[SMTP_VRFY] = "VRFY",         [SMTP_HELP] = "HELP",
	[SMTP_QUIT] = "QUIT",         [SMTP_AUTH] = "AUTH",
	[SMTP_STARTTLS] = "STARTTLS", [SMTP_XCLIENT] = "XCLIENT",
	[SMTP_XFORWARD] = "XFORWARD", [SMTP_XOUTCOME] = "XOUTCOME",
	[SMTP_UNKNOWN] = "unknown",
};

/* The first words of what speaks HTTP or TLS proxies' CONNECT to a port of
 * ours: a browser or a server that was made to, never a mail program. */
static const char *const foreign_verbs[] = {
	"CONNECT", "DELETE", "GET",   "HEAD", "OPTIONS",
	"PATCH",   "POST",   "PROXY", "PUT",  "TRACE",
};

struct sc_word {
	const char *s;
	size_t len;
};

static bool
sc_is(struct sc_word w, const char *text)
{
	return w.len == strlen(text) && strncasecmp(w.s, text, w.len) == 0;
}

/* The word at the front of *REST; *REST is left behind it and its spaces. */
static struct sc_word
sc_next_word(struct sc_word *rest)
{
	const char *space = memchr(rest->s, ' ', rest->len);
	struct sc_word w = *rest;

	if (space != NULL)
		w.len = (size_t)(space - rest->s);
	rest->s += w.len;
	rest->len -= w.len;
	while (rest->len > 0 && *rest->s == ' ') {
		rest->s++;
		rest->len--;
	}
	return w;
}

static int
sc_syntax(struct reply *reply, const char *what)
{
	reply_set(reply, 501, "5.5.4", "%s", what);
	return -EINVAL;
}

/* "FROM:" or "TO:", a path, parameters. A space behind the colon is wrong, but
 * too many send it. */
static int
sc_path(struct sc_word rest, const char *keyword, struct arena *arena,
	struct smtp_command *c, struct reply *reply)
{
	bool null_ok = c->verb == SMTP_MAIL;
	const char *why;
	size_t klen = strlen(keyword), used;

	if (rest.len < klen || strncasecmp(rest.s, keyword, klen) != 0) {
		reply_set(reply, 501, "5.5.4", "say %s %s<address>",
			  smtp_verb_names[c->verb], keyword);
		return -EINVAL;
	}
	rest.s += klen;
	rest.len -= klen;
	while (rest.len > 0 && *rest.s == ' ') {
		rest.s++;
		rest.len--;
	}
	if (address_parse_path(rest.s, rest.len, null_ok, arena, &c->address,
			       &used, &why) < 0) {
		reply_set(reply, 501, null_ok ? "5.1.7" : "5.1.3",
			  "bad address: %s", why);
		return -EINVAL;
	}

	for (size_t i = 0; i < used; i++)
		c->utf8 = c->utf8 || (unsigned char)rest.s[i] >= 0x80;
	rest.s += used;
	rest.len -= used;
	if (rest.len > 0 && *rest.s != ' ')
		return sc_syntax(reply, "a space must follow the address");
	sc_next_word(&rest);
	while (rest.len > 0) {
		struct sc_word word = sc_next_word(&rest);

		if (smtp_param_parse(word.s, word.len, arena, c, reply) < 0)
			return -EINVAL;
	}
	return 0;
}

static int
sc_greeting(struct sc_word rest, struct arena *arena, struct smtp_command *c,
	    struct reply *reply)
{
	if (!address_is_domain(rest.s, rest.len)) {
		reply_set(reply, 501, "5.5.4",
			  "say %s and the name of your host or its [address]",
			  smtp_verb_names[c->verb]);
		return -EINVAL;
	}
	c->arg = arena_strndup(arena, rest.s, rest.len);
	return 0;
}

static int
sc_no_argument(struct sc_word rest, struct smtp_command *c, struct reply *reply)
{
	if (rest.len == 0)
		return 0;
	reply_set(reply, 501, "5.5.4", "%s stands alone",
		  smtp_verb_names[c->verb]);
	return -EINVAL;
}

/* BDAT SP chunk-size [SP "LAST"] (RFC 3030, 2) */
static int
sc_bdat(struct sc_word rest, struct smtp_command *c, struct reply *reply)
{
	struct sc_word size = sc_next_word(&rest);

	c->last = sc_is(rest, "LAST");
	if (smtp_number_parse(size.s, size.len, &c->chunk) == 0 &&
	    (rest.len == 0 || c->last))
		return 0;
	return sc_syntax(reply, "say BDAT size or BDAT size LAST");
}

static int
sc_argument(struct sc_word rest, bool needed, struct arena *arena,
	    struct smtp_command *c, struct reply *reply)
{
	if (rest.len == 0 && needed) {
		reply_set(reply, 501, "5.5.4", "%s needs an argument",
			  smtp_verb_names[c->verb]);
		return -EINVAL;
	}
	c->arg = arena_strndup(arena, rest.s, rest.len);
	return 0;
}

static int
sc_arguments(struct sc_word rest, struct arena *arena, struct smtp_command *c,
	     struct reply *reply)
{
	switch (c->verb) {
	case SMTP_EHLO:
	case SMTP_HELO:
		return sc_greeting(rest, arena, c, reply);
	case SMTP_MAIL:
		return sc_path(rest, "FROM:", arena, c, reply);
	case SMTP_RCPT:
		return sc_path(rest, "TO:", arena, c, reply);
	case SMTP_BDAT:
		return sc_bdat(rest, c, reply);
	case SMTP_DATA:
	case SMTP_RSET:
	case SMTP_QUIT:
	case SMTP_STARTTLS:
		return sc_no_argument(rest, c, reply);
	case SMTP_NOOP:
	case SMTP_HELP:
		return sc_argument(rest, false, arena, c, reply);
	case SMTP_AUTH:
	case SMTP_VRFY:
	case SMTP_XCLIENT:
	case SMTP_XFORWARD:
	case SMTP_XOUTCOME:
		return sc_argument(rest, true, arena, c, reply);
	case SMTP_UNKNOWN:
		return 0;
	}
	return 0;
}

static bool
sc_is_foreign(struct sc_word verb)
{
	for (size_t i = 0; i < sizeof(foreign_verbs) / sizeof(*foreign_verbs);
	     i++) {
		if (sc_is(verb, foreign_verbs[i]))
			return true;
	}
	/* A field of some header: "Host:", "Subject:". */
	return verb.len > 1 && verb.s[verb.len - 1] == ':';
}

bool
smtp_command_announces(const char *line, size_t len)
{
	const char *verb = smtp_verb_names[SMTP_BDAT];
	size_t n = strlen(verb);
	char next;

	if (len < n || strncasecmp(line, verb, n) != 0)
		return false;
	next = len > n ? line[n] : '\0';
	return !((next >= '0' && next <= '9') ||
		 ((next | 0x20) >= 'a' && (next | 0x20) <= 'z'));
}

int
smtp_command_parse(const char *line, size_t len, struct arena *arena,
		   struct smtp_command *ret, struct reply *ret_reply)
{
	struct sc_word rest = {line, len}, verb;

	while (rest.len > 0 &&
	       (rest.s[rest.len - 1] == ' ' || rest.s[rest.len - 1] == '\t'))
		rest.len--;
	verb = sc_next_word(&rest);

	*ret = (struct smtp_command){.verb = SMTP_UNKNOWN,
				     .arg = "",
				     .address = {"", ""},
				     .size = -1};
	for (int v = 0; v < SMTP_UNKNOWN; v++) {
		if (sc_is(verb, smtp_verb_names[v]))
			ret->verb = (enum smtp_verb)v;
	}
	if (ret->verb == SMTP_UNKNOWN)
		ret->foreign = sc_is_foreign(verb);
	return sc_arguments(rest, arena, ret, ret_reply);
}
