#include "alert/endpoints.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "alert/alert_secrets.h"
#include "alert/rules.h"
#include "base/arena.h"
#include "deliver/endpoint.h"
#include "net/fetch.h"

#define EP_WEB_TIME_MS 15000
#define EP_OUTPUT_MAX  (64 * 1024)

static const struct endpoint_codes ep_well[] = {{200, 299}};
static const struct endpoint_codes ep_gone[] = {{410, 410}};
static const struct endpoint_codes ep_hook_dead[] = {{403, 404}, {410, 410}};
#define N(codes) (sizeof(codes) / sizeof((codes)[0]))

struct ep {
	struct arena arena; /* until the endpoints have their own copies */
	const struct alert_secrets *secrets;
	struct conf_errors *errors;
	struct endpoint *v;
	size_t n;
	bool failed;
};

static void __attribute__((format(printf, 3, 4)))
ep_error(struct ep *m, const struct rules_endpoint *from, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	conf_error(m->errors, from->mark, "%s: %s", from->name, text);
	m->failed = true;
}

static void
ep_url(struct ep *m, const struct rules_endpoint *from,
       const struct secret *secret, struct endpoint *to)
{
	const char *wrong;

	to->url = secret != NULL ? secret->bytes : from->url;
	wrong = fetch_check_url(to->url);
	if (wrong != NULL) /* which may be a secret itself */
		ep_error(m, from,
			 "what it has as its URL can't be asked for: "
			 "%s",
			 wrong);
}

/* Authorization: WORD TOKEN */
static void
ep_token(struct ep *m, const struct rules_endpoint *from, const char *word,
	 const struct secret *token, struct endpoint *to)
{
	struct endpoint_header *h;

	if (token == NULL)
		return;
	h = arena_alloc(&m->arena, sizeof(*h));
	h->name = "Authorization";
	h->value = arena_printf(&m->arena, "%s %s", word, token->bytes);
	if (fetch_check_header(h->name, h->value) != NULL)
		ep_error(m, from, "its token is too long");
	to->headers = h;
	to->nheaders = 1;
}

static void
ep_routing_key(struct ep *m, const struct rules_endpoint *from,
	       const struct secret *key, struct endpoint *to)
{
	const char *text = key != NULL ? key->bytes : "";
	size_t len = strlen(text);

	if (len == 0 || strspn(text, "0123456789-_ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz") != len)
		ep_error(m, from,
			 "its routing key is not one word of letters "
			 "and digits");
	to->insert = arena_printf(&m->arena, "\"routing_key\":\"%s\",", text);
}

static void
ep_codes(struct ep *m, const struct rules_endpoint *from, struct endpoint *to)
{
	struct endpoint_codes *v =
		arena_alloc(&m->arena, (from->ncodes + 1) * sizeof(*v));

	for (size_t i = 0; i < from->ncodes; i++)
		v[i] = (struct endpoint_codes){from->codes[i].from,
					       from->codes[i].until};
	to->done = v;
	to->ndone = from->ncodes;
}

static void
ep_dead(struct endpoint *to, const struct endpoint_codes *v, size_t n)
{
	to->dead = v;
	to->ndead = n;
}

static void
ep_exec(struct ep *m, const struct rules_endpoint *from, struct endpoint *to)
{
	const char **argv =
		arena_alloc(&m->arena, (from->ncommand + 1) * sizeof(*argv));

	for (size_t i = 0; i < from->ncommand; i++)
		argv[i] = from->command[i];
	to->kind = ENDPOINT_EXEC;
	to->argv = argv;
	to->time_ms = from->time_ms;
	to->output_max = EP_OUTPUT_MAX;
}

static void
ep_channel(struct ep *m, const struct rules_endpoint *from, struct endpoint *to)
{
	struct alert_endpoint_secrets s =
		alert_secrets_endpoint(m->secrets, from->name);

	switch (from->channel) {
	case CHANNEL_WEBHOOK:
		ep_url(m, from, s.url, to);
		ep_token(m, from, from->authorization, s.token, to);
		ep_codes(m, from, to);
		ep_dead(to, ep_gone, N(ep_gone));
		to->method = from->method;
		to->sign = s.key != NULL ? s.key->bytes : NULL;
		return;
	case CHANNEL_SLACK:
	case CHANNEL_TEAMS:
		ep_url(m, from, s.url, to);
		ep_dead(to, ep_hook_dead, N(ep_hook_dead));
		return;
	case CHANNEL_PAGERDUTY:
		ep_url(m, from, NULL, to);
		ep_routing_key(m, from, s.key, to);
		return;
	case CHANNEL_NTFY:
		ep_url(m, from, NULL, to);
		ep_token(m, from, "Bearer", s.token, to);
		return;
	case CHANNEL_EXEC:
		ep_exec(m, from, to);
		return;
	case CHANNEL_MAIL:
	case CHANNEL_NCHANNEL:
		break;
	}
}

static void
ep_add(struct ep *m, const struct rules_endpoint *from)
{
	struct endpoint *to = &m->v[m->n++];

	*to = (struct endpoint){
		.name = from->name,
		.kind = ENDPOINT_WEB,
		.time_ms = EP_WEB_TIME_MS,
		.method = "POST",
		.ca_file = from->ca_file,
		.done = ep_well,
		.ndone = N(ep_well),
	};
	ep_channel(m, from, to);
}

int
alert_endpoints_new(const struct rules *rules,
		    const struct alert_secrets *secrets, struct conf_errors *e,
		    struct endpoints **ret)
{
	const struct rules_receiver *receivers;
	size_t nreceivers = rules_receivers(rules, &receivers), n = 0;
	struct ep m = {.secrets = secrets, .errors = e};

	arena_init(&m.arena);
	for (size_t i = 0; i < nreceivers; i++)
		n += receivers[i].nendpoints;
	m.v = arena_alloc(&m.arena, (n + 1) * sizeof(*m.v));
	for (size_t i = 0; i < nreceivers; i++)
		for (size_t k = 0; k < receivers[i].nendpoints; k++)
			ep_add(&m, &receivers[i].endpoints[k]);
	if (!m.failed)
		*ret = endpoints_new(m.v, m.n);
	arena_wipe(&m.arena);
	return m.failed ? -EINVAL : 0;
}
