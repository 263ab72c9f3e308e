#include "verdict/dmarc_walk.h"

#include <errno.h>
#include <string.h>

#include "verdict/domain.h"

#define JUMP_TO 7 /* labels, from any domain that has more */

static const struct answer *
ask(const char *domain, struct answers *answers, struct arena *arena)
{
	return answers_find(answers, arena_printf(arena, "_dmarc.%s", domain),
			    ANSWER_TXT);
}

/* The one record among the answer's that is DMARC's. */
static const struct answer_record *
choose(const struct answer *a, struct steps *steps)
{
	const struct answer_record *found = NULL;
	unsigned n = 0;

	for (size_t i = 0; i < a->n; i++)
		if (dmarc_record_is(a->records[i].data, a->records[i].len)) {
			found = &a->records[i];
			n++;
		}
	if (n == 1) {
		steps_say(steps, "%s: %.*s", a->name, (int)found->len,
			  found->data);
		return found;
	}
	if (n == 0)
		steps_say(steps, "%s: no record", a->name);
	else
		steps_say(steps, "%s: %u records, so none counts", a->name, n);
	return NULL;
}

int
dmarc_look(const char *domain, struct answers *answers, struct arena *arena,
	   struct steps *steps, struct dmarc_level *ret)
{
	const struct answer *a = ask(domain, answers, arena);

	if (a->status == ANSWER_OPEN)
		return -EAGAIN;
	*ret = (struct dmarc_level){.domain = domain, .found = DMARC_NOTHING};
	if (a->status == ANSWER_TEMPFAIL) {
		ret->found = DMARC_FAILED;
		ret->why = a->why;
		steps_say(steps, "_dmarc.%s: %s", domain, a->why);
		return 0;
	}
	ret->text = choose(a, steps);
	if (ret->text != NULL) {
		ret->found = DMARC_RECORD;
		dmarc_record_parse(ret->text->data, ret->text->len, arena,
				   &ret->record);
	}
	return 0;
}

/* The name above DOMAIN that a walk asks next. */
static const char *
above(const char *domain)
{
	domain = domain_parent(domain);
	while (domain != NULL && domain_labels(domain) > JUMP_TO)
		domain = domain_parent(domain);
	return domain;
}

/* As much of DOMAIN as is one label more than SUFFIX, which it is below. */
static const char *
one_below(const char *domain, const char *suffix)
{
	const char *parent;

	while ((parent = domain_parent(domain)) != NULL &&
	       strcmp(parent, suffix) != 0)
		domain = parent;
	return domain;
}

/* 4.10.2. A record with psd=y or psd=n can only be the last one. */
static const char *
organisation(const struct dmarc_walk *w)
{
	const struct dmarc_level *shortest = NULL;

	for (size_t i = 0; i < w->n; i++)
		if (w->level[i].found == DMARC_RECORD)
			shortest = &w->level[i];
	if (shortest == NULL)
		return w->level[0].domain;
	if (shortest->record.psd == DMARC_PSD_YES && shortest != w->level)
		return one_below(w->level[0].domain, shortest->domain);
	return shortest->domain;
}

int
dmarc_walk(const char *domain, struct answers *answers, struct arena *arena,
	   struct steps *steps, struct dmarc_walk *ret)
{
	const struct dmarc_level *last;
	int r;

	ret->n = 0;
	ret->organisation = NULL;
	for (const char *at = domain; at != NULL; at = above(at))
		ask(at, answers, arena);
	for (const char *at = domain; at != NULL; at = above(at)) {
		r = dmarc_look(at, answers, arena, steps, &ret->level[ret->n]);
		if (r < 0)
			return r;
		last = &ret->level[ret->n++];
		if (last->found == DMARC_FAILED)
			return 0;
		if (last->found == DMARC_RECORD &&
		    last->record.psd != DMARC_PSD_UNKNOWN)
			break;
	}
	ret->organisation = organisation(ret);
	return 0;
}

const struct dmarc_level *
dmarc_walk_at(const struct dmarc_walk *walk, const char *domain)
{
	for (size_t i = 0; i < walk->n; i++)
		if (strcmp(walk->level[i].domain, domain) == 0)
			return &walk->level[i];
	return NULL;
}
