#include "tests/unit/zone.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CNAMES_MAX 8

struct zone_record {
	STAILQ_ENTRY(zone_record) link;
	const char *name, *type, *data;
	size_t len;
};

void
zone_init(struct zone *z)
{
	arena_init(&z->arena);
	STAILQ_INIT(&z->records);
	z->rounds = 0;
}

void
zone_done(struct zone *z)
{
	arena_done(&z->arena);
	STAILQ_INIT(&z->records);
}

void
zone_add(struct zone *z, const char *name, const char *type, const char *data,
	 size_t len)
{
	struct zone_record *r = arena_alloc(&z->arena, sizeof(*r));

	r->name = arena_strdup(&z->arena, name);
	r->type = arena_strdup(&z->arena, type);
	r->data = arena_strndup(&z->arena, data, len);
	r->len = len;
	STAILQ_INSERT_TAIL(&z->records, r, link);
}

void
zone_load(struct zone *z, const char *text)
{
	char name[256], type[16];
	int used;

	while (sscanf(text, " %255s %15s%n", name, type, &used) == 2) {
		size_t len;

		text += used;
		text += strspn(text, " ");
		len = strcspn(text, "\n");
		zone_add(z, name, type, text, len);
		text += len;
	}
}

static bool
zone_type_is(const struct zone_record *r, const char *type)
{
	return strcmp(r->type, type) == 0;
}

static void
zone_give(struct answers *a, struct answer *answer, const struct zone_record *r)
{
	unsigned char ip[16];
	char *host;
	unsigned long preference;

	switch (answer->type) {
	case ANSWER_A:
		if (inet_pton(AF_INET, r->data, ip) == 1)
			answer_add(a, answer, ip, 4, 0);
		return;
	case ANSWER_AAAA:
		if (inet_pton(AF_INET6, r->data, ip) == 1)
			answer_add(a, answer, ip, 16, 0);
		return;
	case ANSWER_MX:
		preference = strtoul(r->data, &host, 10);
		host += strspn(host, " ");
		answer_add(a, answer, host, strlen(host), (unsigned)preference);
		return;
	case ANSWER_PTR:
	case ANSWER_TXT:
		answer_add(a, answer, r->data, r->len, 0);
		return;
	}
}

/* The records of NAME into ANSWER; the next name of a chain in *RET_NEXT. */
static enum answer_status
zone_look(const struct zone *z, const char *name, struct answers *a,
	  struct answer *answer, const char **ret_next)
{
	const char *type = answer_type_names[answer->type];
	enum answer_status status = ANSWER_NO_NAME;
	const struct zone_record *r;

	STAILQ_FOREACH (r, &z->records, link) {
		if (strcasecmp(r->name, name) != 0)
			continue;
		if (zone_type_is(r, type) && strcmp(r->data, "TIMEOUT") == 0)
			return ANSWER_TEMPFAIL;
		if (zone_type_is(r, "TIMEOUT") && answer->n == 0)
			return ANSWER_TEMPFAIL;
		if (zone_type_is(r, "CNAME"))
			*ret_next = r->data;
		if (zone_type_is(r, type))
			zone_give(a, answer, r);
		status = ANSWER_OK;
	}
	return status;
}

static void
zone_answer(const struct zone *z, struct answers *a, struct answer *answer)
{
	const char *name = answer->name;
	enum answer_status status = ANSWER_TEMPFAIL;
	char plain[256];

	for (int i = 0; i < CNAMES_MAX && name != NULL; i++) {
		const char *next = NULL;
		size_t len = strlen(name);

		if (len > 0 && name[len - 1] == '.')
			len--;
		snprintf(plain, sizeof(plain), "%.*s", (int)len, name);
		status = zone_look(z, plain, a, answer, &next);
		name = next;
	}
	if (name != NULL)
		status = ANSWER_TEMPFAIL;
	answer_settle(a, answer, status,
		      status == ANSWER_TEMPFAIL ? "timeout" : "");
}

bool
zone_settle(struct zone *z, struct answers *a)
{
	struct answer *answer;
	bool any = false;

	while ((answer = answers_next_open(a)) != NULL) {
		zone_answer(z, a, answer);
		any = true;
	}
	z->rounds += any;
	return any;
}
