#include "alert/rules_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"

/* --- what the makers share ---------------------------------------------------- */

struct conf_mark *
rules_copy_mark(struct rules_maker *m, const struct conf_mark *mark)
{
	struct conf_mark *copy = RULES_ROOM(m, struct conf_mark, 1);

	*copy = *mark;
	copy->file = arena_strdup(m->arena, mark->file);
	return copy;
}

const char *const *
rules_copy_strings(struct rules_maker *m, const struct conf_strings *s)
{
	const char **v = RULES_ROOM(m, const char *, s->n);

	for (size_t i = 0; i < s->n; i++)
		v[i] = arena_strdup(m->arena, s->v[i]);
	return v;
}

static void
rm_append(struct rules_maker *m, struct matchers *to, struct matchers *from)
{
	size_t n = to->n + from->n;
	struct matcher *v = RULES_ROOM(m, struct matcher, n);

	if (to->n > 0)
		memcpy(v, to->v, to->n * sizeof(*v));
	if (from->n > 0)
		memcpy(v + to->n, from->v, from->n * sizeof(*v));
	*to = (struct matchers){.n = n, .v = v};
}

/* `a==b` is taken as Alertmanager does, and hardly what is meant. */
static void
rm_warn_value(struct rules_maker *m, const char *key,
	      const struct conf_mark *mark, const struct matchers *matchers)
{
	for (size_t i = 0; i < matchers->n; i++)
		if (matchers->v[i].value[0] == '=')
			conf_warning(m->errors, mark,
				     "`%s`: the value of `%s` begins with a "
				     "second `=`; write name=\"value\"",
				     key, matchers->v[i].name);
}

void
rules_matchers(struct rules_maker *m, const char *key,
	       const struct conf_strings *texts, struct matchers *ret)
{
	for (size_t i = 0; i < texts->n; i++) {
		struct matchers one;
		char *why;

		if (matchers_parse(texts->v[i], m->arena, &one, &why) < 0) {
			conf_error(m->errors, &texts->marks[i], "`%s`: %s", key,
				   why);
			free(why);
		} else if (ret->n + one.n > MATCHERS_MAX) {
			conf_error(m->errors, &texts->marks[i],
				   "`%s` has more than %d matchers", key,
				   MATCHERS_MAX);
			matchers_done(&one);
		} else {
			rm_warn_value(m, key, &texts->marks[i], &one);
			rm_append(m, ret, &one);
		}
	}
}

void
rules_twice(struct rules_maker *m, const char *kind, const char *name,
	    const struct conf_mark *mark)
{
	conf_error(m->errors, mark, "two %s are called `%s`", kind, name);
}

void
rules_unknown(struct rules_maker *m, const char *kind,
	      const struct conf_list *list, size_t size, size_t at,
	      const char *name, const struct conf_mark *mark)
{
	const char **names = RULES_ROOM(m, const char *, list->n), *nearest;

	for (size_t i = 0; i < list->n; i++)
		names[i] =
			*(char *const *)((const char *)list->v + i * size + at);
	nearest = conf_nearest(name, names, list->n);
	conf_error(m->errors, mark, "there is no %s `%s`%s%s%s", kind, name,
		   nearest != NULL ? "; did you mean `" : "",
		   nearest != NULL ? nearest : "", nearest != NULL ? "`?" : "");
}

/* --- the section itself -------------------------------------------------------- */

static void
rm_settings(struct rules_maker *m, const char *hostname)
{
	const struct alerts_conf *c = m->conf;
	struct rules_settings *s = &m->rules->settings;

	*s = (struct rules_settings){
		.hostname = arena_strdup(m->arena, hostname),
		.from = c->from[0] != '\0'
				? arena_strdup(m->arena, c->from)
				: arena_printf(m->arena, "Belfry <alerts@%s>",
					       hostname),
		.url = arena_strdup(m->arena, c->url),
		.reply = arena_strdup(m->arena, c->reply),
		.templates = arena_strdup(m->arena, c->templates),
		.lifetime_ms = c->lifetime_ms,
		.retention_ms = c->retention_ms,
		.flap_changes = c->flap.changes,
		.flap_within_ms = c->flap.within_ms,
		.incidents_max = c->limits.incidents,
		.bytes_max = c->limits.bytes,
		.own = c->own_bits,
		.expect_within_ms = c->heartbeat.within_ms,
		.ping_every_ms = c->heartbeat.every_ms,
		.mark = rules_copy_mark(m, &c->mark),
	};
	rules_matchers(m, "expect", &c->heartbeat.expect, &s->expect);
	rules_matchers(m, "critical", &c->critical, &m->rules->critical);
}

int
rules_new(const struct alerts_conf *conf, const char *hostname,
	  struct conf_errors *e, struct rules **ret)
{
	struct rules *r = xcalloc(1, sizeof(*r));
	struct rules_maker m = {.conf = conf, .rules = r, .errors = e};
	size_t before = e->total;

	arena_init(&r->arena);
	m.arena = &r->arena;
	atomic_init(&r->refs, 1);
	r->limits = RULES_ROOM(&m, atomic_ullong, 1);
	atomic_init(r->limits, 0);
	rm_settings(&m, hostname);
	rules_make_sources(&m);
	rules_make_receivers(&m);
	rules_make_tree(&m);
	if (e->total > before) {
		rules_unref(&r);
		conf_errors_sort(e);
		return -EINVAL;
	}
	*ret = r;
	return 0;
}

struct rules *
rules_ref(struct rules *r)
{
	must(atomic_fetch_add(&r->refs, 1) > 0);
	return r;
}

void
rules_unref(struct rules **rp)
{
	struct rules *r = rp != NULL ? *rp : NULL;

	if (r == NULL)
		return;
	*rp = NULL;
	if (atomic_fetch_sub(&r->refs, 1) > 1)
		return;
	rules_free_sources(r);
	rules_free_tree(r);
	matchers_done(&r->critical);
	matchers_done(&r->settings.expect);
	arena_done(&r->arena);
	free(r);
}

/* --- questions ------------------------------------------------------------------ */

bool
rules_is_on(const struct rules *r)
{
	return r->root.receiver != NULL;
}

const struct rules_settings *
rules_settings(const struct rules *r)
{
	return &r->settings;
}

uint64_t
rules_limits_hit(const struct rules *r)
{
	return atomic_load(r->limits);
}

const struct rules_source *
rules_source(const struct rules *r, const char *name)
{
	for (size_t i = 0; i < r->nsources; i++)
		if (strcmp(r->sources[i].name, name) == 0)
			return &r->sources[i];
	return NULL;
}

size_t
rules_sources(const struct rules *r, const struct rules_source **ret)
{
	*ret = r->sources;
	return r->nsources;
}

struct rules_receiver *
rules_find_receiver(const struct rules *r, const char *name)
{
	for (size_t i = 0; i < r->nreceivers; i++)
		if (strcmp(r->receivers[i].name, name) == 0)
			return &r->receivers[i];
	return NULL;
}

const struct rules_receiver *
rules_receiver(const struct rules *r, const char *name)
{
	return rules_find_receiver(r, name);
}

size_t
rules_receivers(const struct rules *r, const struct rules_receiver **ret)
{
	*ret = r->receivers;
	return r->nreceivers;
}

/* RECEIVER/CHANNEL/N: no other receiver has one that begins so. */
const struct rules_endpoint *
rules_endpoint(const struct rules *r, const char *name)
{
	for (size_t i = 0; i < r->nreceivers; i++) {
		const struct rules_receiver *to = &r->receivers[i];
		size_t len = strlen(to->name);

		if (strncmp(to->name, name, len) != 0 || name[len] != '/')
			continue;
		for (size_t k = 0; k < to->nendpoints; k++)
			if (strcmp(to->endpoints[k].name, name) == 0)
				return &to->endpoints[k];
	}
	return NULL;
}

const struct rules_person *
rules_person(const struct rules *r, const char *name)
{
	for (size_t i = 0; i < r->npeople; i++)
		if (strcmp(r->people[i].name, name) == 0)
			return &r->people[i];
	return NULL;
}

const struct rules_node *
rules_root(const struct rules *r)
{
	return &r->root;
}
