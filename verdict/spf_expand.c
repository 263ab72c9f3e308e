/* Macros with what they stand for (RFC 7208, 7). */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "verdict/spf_macro.h"
#include "verdict/spf_run.h"

#define NAME_OCTETS_MAX 253
#define EXPANDED_MAX    8192 /* of a name before it is cut, of an explanation */
#define SHOWN_MAX       100

static const char *
value_local(struct spf_run *run)
{
	const char *at = strrchr(run->sender, '@');

	return arena_strndup(&run->arena, run->sender,
			     (size_t)(at - run->sender));
}

/* The macro i: dotted, of IPv6 every half octet, in capitals as it is written
 * there (7.4). */
static const char *
value_dotted(struct spf_run *run)
{
	const uint8_t *ip = run->question->ip;
	char text[64];

	if (run->is4)
		snprintf(text, sizeof(text), "%u.%u.%u.%u", ip[12], ip[13],
			 ip[14], ip[15]);
	else
		for (size_t i = 0; i < 16; i++)
			snprintf(text + 4 * i, sizeof(text) - 4 * i, "%X.%X%s",
				 ip[i] >> 4, ip[i] & 0xf, i < 15 ? "." : "");
	return arena_strdup(&run->arena, text);
}

static const char *
value_readable(struct spf_run *run)
{
	const uint8_t *ip = run->question->ip;
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(run->is4 ? AF_INET : AF_INET6, run->is4 ? ip + 12 : ip, text,
		  sizeof(text));
	return arena_strdup(&run->arena, text);
}

static bool
name_is(const char *name, const void *domain)
{
	return strcasecmp(name, domain) == 0;
}

static bool
name_any(const char *name, const void *unused)
{
	(void)name;
	(void)unused;
	return true;
}

/* The macro p: the domain itself before one below it before any (7.3). */
static int
value_client_name(struct spf_run *run, const char *domain, const char **ret)
{
	static spf_name_fn *const wanted[] = {name_is, spf_name_within,
					      name_any};
	const char *name = NULL;
	int r = 0;

	if (run->named == NULL || strcmp(run->named_domain, domain) != 0) {
		for (size_t i = 0; i < 3 && r == 0 && name == NULL; i++)
			r = spf_client_name(run, false, wanted[i], domain,
					    &name);
		if (r < 0)
			return r;
		run->named = name != NULL ? name : "unknown";
		run->named_domain = domain;
	}
	*ret = run->named;
	return 0;
}

static int
macro_value(struct spf_run *run, char letter, const char *domain,
	    const char **ret)
{
	const struct spf_question *q = run->question;

	switch (letter) {
	case 's':
		*ret = run->sender;
		return 0;
	case 'l':
		*ret = value_local(run);
		return 0;
	case 'o':
		*ret = run->sender_domain;
		return 0;
	case 'd':
		*ret = domain;
		return 0;
	case 'i':
		*ret = value_dotted(run);
		return 0;
	case 'p':
		return value_client_name(run, domain, ret);
	case 'h':
		*ret = q->helo;
		return 0;
	case 'c':
		*ret = value_readable(run);
		return 0;
	case 'r':
		*ret = q->receiver;
		return 0;
	case 't':
		*ret = arena_printf(&run->arena, "%lld", (long long)q->now);
		return 0;
	default:
		*ret = run->is4 ? "in-addr" : "ip6";
		return 0;
	}
}

/* -EMSGSIZE: it became too long. */
static int
expand(struct spf_run *run, struct spf_text t, const char *domain,
       struct buf *out)
{
	struct spf_part part;
	const char *value = "";
	size_t used;
	int r = 0;

	while (r == 0 && (used = spf_part_next(t.s, t.len, &part)) > 0) {
		t.s += used, t.len -= used;
		if (part.kind == SPF_PART_TEXT) {
			r = buf_append(out, part.text, part.len);
			continue;
		}
		r = macro_value(run, part.letter, domain, &value);
		if (r == 0)
			r = spf_part_transform(&part, value, out);
	}
	return r;
}

static const char *
cut_labels(const char *name)
{
	const char *dot;

	while (strlen(name) > NAME_OCTETS_MAX &&
	       (dot = strchr(name, '.')) != NULL)
		name = dot + 1;
	return name;
}

int
spf_expand_domain(struct spf_run *run, struct spf_text spec, const char *domain,
		  const char **ret)
{
	struct buf out;
	int r;

	buf_init(&out, EXPANDED_MAX);
	r = expand(run, spec, domain, &out);
	if (r == 0) {
		if (out.len > 0 && out.data[out.len - 1] == '.')
			out.data[--out.len] = '\0';
		*ret = arena_strdup(&run->arena, cut_labels(buf_str(&out)));
	}
	buf_done(&out);
	if (r == -EMSGSIZE)
		return spf_fail(
			run, SPF_PERM, "\"%.*s\" becomes too long a name",
			spec.len > SHOWN_MAX ? SHOWN_MAX : (int)spec.len,
			spec.s);
	return r;
}

int
spf_expand_explanation(struct spf_run *run, struct spf_text text,
		       const char *domain, const char **ret)
{
	struct buf out;
	int r;

	if (!spf_macro_ok(text.s, text.len, true))
		return -EINVAL;
	buf_init(&out, EXPANDED_MAX);
	r = expand(run, text, domain, &out);
	if (r == 0)
		*ret = arena_strdup(&run->arena, buf_str(&out));
	buf_done(&out);
	return r == -EMSGSIZE ? -EINVAL : r;
}
