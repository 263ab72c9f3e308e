#include "mail/xclient.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "mail/address.h"
#include "mail/smtp_param.h"
#include "mail/xtext.h"

static bool
xc_is_name(const char *s)
{
	return s[0] != '[' && address_is_domain(s, strlen(s));
}

static bool
xc_is_address(const char *s)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, s, bytes) == 1 ||
	       inet_pton(AF_INET6, s, bytes) == 1;
}

static bool
xc_is_port(const char *s)
{
	int64_t port;

	return smtp_number_parse(s, strlen(s), &port) == 0 && port > 0 &&
	       port <= 65535;
}

static bool
xc_is_proto(const char *s)
{
	return strcasecmp(s, "SMTP") == 0 || strcasecmp(s, "ESMTP") == 0;
}

static bool
xc_is_source(const char *s)
{
	return strcasecmp(s, "LOCAL") == 0 || strcasecmp(s, "REMOTE") == 0;
}

enum { XC_CLIENT = 1, XC_FORWARD = 2, XC_BOTH = 3 };

static const struct xc_row {
	const char *name;
	int of;
	bool (*is)(const char *s); /* NULL: anything */
	bool (*is_forwarded)(const char *s);
} xc_rows[XCLIENT_NATTR] = {
	[XCLIENT_NAME] = {"NAME", XC_BOTH, xc_is_name, xc_is_name},
	[XCLIENT_ADDR] = {"ADDR", XC_BOTH, xc_is_address, xc_is_address},
	[XCLIENT_PORT] = {"PORT", XC_BOTH, xc_is_port, xc_is_port},
	[XCLIENT_PROTO] = {"PROTO", XC_BOTH, xc_is_proto, NULL},
	[XCLIENT_HELO] = {"HELO", XC_BOTH, NULL, NULL},
	[XCLIENT_LOGIN] = {"LOGIN", XC_CLIENT, NULL, NULL},
	[XCLIENT_IDENT] = {"IDENT", XC_FORWARD, NULL, NULL},
	[XCLIENT_SOURCE] = {"SOURCE", XC_FORWARD, NULL, xc_is_source},
};

static int
xc_refuse(struct reply *reply, const char *what, const char *name)
{
	reply_set(reply, 501, "5.5.4", "%s %s", what, name);
	return -EINVAL;
}

static int
xc_find(const char *name, size_t len, bool forward)
{
	int of = forward ? XC_FORWARD : XC_CLIENT;

	for (int i = 0; i < XCLIENT_NATTR; i++)
		if ((xc_rows[i].of & of) != 0 &&
		    strlen(xc_rows[i].name) == len &&
		    strncasecmp(xc_rows[i].name, name, len) == 0)
			return i;
	return -1;
}

/* TEXT, decoded, as it is kept; NULL: it can't be. */
static const char *
xc_value(int attr, const char *text, bool forward)
{
	bool (*is)(const char *) =
		forward ? xc_rows[attr].is_forwarded : xc_rows[attr].is;

	if (strcasecmp(text, "[UNAVAILABLE]") == 0 ||
	    strcasecmp(text, "[TEMPUNAVAIL]") == 0)
		return "";
	if (attr == XCLIENT_ADDR && strncasecmp(text, "IPV6:", 5) == 0)
		text += 5;
	if (text[0] == '\0' || strlen(text) >= XCLIENT_MAX ||
	    (is != NULL && !is(text)))
		return NULL;
	return text;
}

static int
xc_attribute(const char *s, size_t len, bool forward, struct xclient *ret,
	     struct arena *arena, struct reply *reply)
{
	const char *equals = memchr(s, '=', len), *text, *value = NULL;
	int attr;

	if (equals == NULL)
		return xc_refuse(reply, "an attribute is", "NAME=value");
	attr = xc_find(s, (size_t)(equals - s), forward);
	if (attr < 0)
		return xc_refuse(reply, "the attributes are",
				 forward ? XFORWARD_OFFER : XCLIENT_OFFER);
	if (xtext_decode_utf8(equals + 1, len - (size_t)(equals + 1 - s), arena,
			      &text) == 0)
		value = xc_value(attr, text, forward);
	ret->given |= 1u << attr;
	ret->value[attr][0] = '\0';
	if (value == NULL)
		return xc_refuse(reply, "bad value of", xc_rows[attr].name);
	memcpy(ret->value[attr], value, strlen(value) + 1);
	return 0;
}

/* Who is told of must not become another by what else is wrong: all is read. */
int
xclient_parse(const char *args, bool forward, struct xclient *ret,
	      struct reply *ret_reply)
{
	struct arena arena;
	struct reply reply;
	int r = 0;

	arena_init(&arena);
	while (*args != '\0') {
		size_t len = strcspn(args, " ");

		if (len > 0 &&
		    xc_attribute(args, len, forward, ret, &arena, &reply) < 0 &&
		    r == 0) {
			*ret_reply = reply;
			r = -EINVAL;
		}
		args += len + (args[len] == ' ');
	}
	arena_done(&arena);
	return r;
}

enum xforward_whose
xforward_whose(const struct xclient *x)
{
	if (strcasecmp(x->value[XCLIENT_SOURCE], "LOCAL") == 0)
		return XFORWARD_LOCAL;
	return x->value[XCLIENT_ADDR][0] != '\0' ? XFORWARD_CLIENTS
						 : XFORWARD_NOBODYS;
}
