#include "queue/filter.h"

#include <string.h>
#include <strings.h>

/* A record of another release may hold what is longer than an address. */
static bool
filter_matches(const struct pattern *p, const char *text)
{
	struct address a = {text, ""}; /* <postmaster> */
	struct arena arena;
	const char *why;
	bool matches = false;

	if (strlen(text) >= ADDRESS_MAX)
		return false;
	arena_init(&arena);
	if (strchr(text, '@') == NULL ||
	    address_parse(text, &arena, &a, &why) == 0)
		matches = pattern_match(p, &a);
	arena_done(&arena);
	return matches;
}

static bool
filter_means_rcpt(const struct queue_filter *f, const struct queue_rcpt_info *r)
{
	if (f->dest != NULL && strcasecmp(f->dest, r->dest) != 0)
		return false;
	if (f->to == NULL)
		return true;
	if (r->address[0] == '\0') /* damaged: nobody knows whose */
		return false;
	return filter_matches(f->to, r->address) ||
	       (r->original != NULL && filter_matches(f->to, r->original));
}

static bool
filter_some_rcpt(const struct queue_filter *f,
		 const struct queue_message_info *m)
{
	for (size_t i = 0; i < m->nrcpt; i++)
		if (filter_means_rcpt(f, &m->rcpt[i]))
			return true;
	return false;
}

static bool
filter_some_state(const struct queue_message_info *m,
		  enum queue_rcpt_state state)
{
	for (size_t i = 0; i < m->nrcpt; i++)
		if (m->rcpt[i].state == state)
			return true;
	return false;
}

bool
filter_means(const struct queue_filter *f, const struct queue_message_info *m)
{
	/* When a damaged one came nobody knows, nor from whom: it is meant by
	 * other words. */
	if (m->arrival_ms == 0 &&
	    (f->before_ms > 0 || f->null_sender || f->sender != NULL))
		return false;
	if (f->before_ms > 0 && m->arrival_ms >= f->before_ms)
		return false;
	if (f->held && !m->held && !filter_some_state(m, QUEUE_RCPT_HELD))
		return false;
	if (f->corrupt && !m->corrupt &&
	    !filter_some_state(m, QUEUE_RCPT_SET_ASIDE))
		return false;
	if (f->null_sender && m->sender[0] != '\0')
		return false;
	if (f->sender != NULL && !filter_matches(f->sender, m->sender))
		return false;
	return (f->to == NULL && f->dest == NULL) || filter_some_rcpt(f, m);
}
