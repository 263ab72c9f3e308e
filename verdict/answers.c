#include "verdict/answers.h"

#include <string.h>
#include <strings.h>

#include "base/ascii.h"
#include "base/must.h"

#define LABEL_MAX       63
#define NAME_MAX_OCTETS 253

const char *const answer_type_names[] = {
	[ANSWER_A] = "A",     [ANSWER_AAAA] = "AAAA", [ANSWER_MX] = "MX",
	[ANSWER_PTR] = "PTR", [ANSWER_TXT] = "TXT",
};

const char *const answer_status_names[] = {
	[ANSWER_OPEN] = "open",       [ANSWER_OK] = "ok",
	[ANSWER_NO_DATA] = "no data", [ANSWER_NO_NAME] = "no such name",
	[ANSWER_TEMPFAIL] = "failed",
};

static const struct answer no_such_name = {
	.name = "",
	.status = ANSWER_NO_NAME,
	.why = "",
};

void
answers_init(struct answers *a, struct arena *arena, unsigned max)
{
	*a = (struct answers){
		.arena = arena,
		.max = max,
		.spent = {.name = "",
			  .status = ANSWER_TEMPFAIL,
			  .why = "more questions to the DNS than one message "
				 "may cost"},
	};
	STAILQ_INIT(&a->list);
}

/* How much of NAME counts: not its final dot. */
static size_t
name_len(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && name[len - 1] == '.' ? len - 1 : len;
}

bool
answers_name_ok(const char *name)
{
	size_t len = name_len(name), label = 0;

	if (len == 0 || len > NAME_MAX_OCTETS)
		return false;
	for (size_t i = 0; i < len; i++) {
		label = name[i] == '.' ? 0 : label + 1;
		if (label > LABEL_MAX ||
		    (label == 0 && (i == 0 || name[i - 1] == '.')))
			return false;
	}
	return label > 0;
}

static struct answer *
answers_ask(struct answers *a, const char *name, size_t len,
	    enum answer_type type)
{
	struct answer *answer = arena_alloc(a->arena, sizeof(*answer));
	char *lower = arena_strndup(a->arena, name, len);

	ascii_lower_str(lower);
	answer->name = lower;
	answer->type = type;
	answer->why = "";
	STAILQ_INSERT_TAIL(&a->list, answer, link);
	a->questions++;
	return answer;
}

const struct answer *
answers_find(struct answers *a, const char *name, enum answer_type type)
{
	size_t len = name_len(name);
	struct answer *answer;

	if (!answers_name_ok(name))
		return &no_such_name;
	STAILQ_FOREACH (answer, &a->list, link)
		if (answer->type == type &&
		    strncasecmp(answer->name, name, len) == 0 &&
		    answer->name[len] == '\0')
			return answer;
	if (a->questions == a->max)
		return &a->spent;
	return answers_ask(a, name, len, type);
}

void
answers_close(struct answers *a)
{
	a->max = a->questions;
}

struct answer *
answers_next_open(struct answers *a)
{
	struct answer *answer;

	STAILQ_FOREACH (answer, &a->list, link)
		if (answer->status == ANSWER_OPEN && !answer->asked) {
			answer->asked = true;
			return answer;
		}
	return NULL;
}

void
answer_add(struct answers *a, struct answer *answer, const void *data,
	   size_t len, unsigned preference)
{
	if (answer->n == ANSWER_RECORDS_MAX)
		return;
	if (answer->records == NULL)
		answer->records =
			arena_alloc(a->arena, ANSWER_RECORDS_MAX *
						      sizeof(*answer->records));
	answer->records[answer->n++] = (struct answer_record){
		.data = arena_strndup(a->arena, data, len),
		.len = len,
		.preference = (uint16_t)preference,
	};
}

void
answer_settle(struct answers *a, struct answer *answer,
	      enum answer_status status, const char *why)
{
	must(answer->status == ANSWER_OPEN && status != ANSWER_OPEN);
	if (status == ANSWER_OK && answer->n == 0)
		status = ANSWER_NO_DATA;
	if (status != ANSWER_OK)
		answer->n = 0;
	answer->status = status;
	answer->why = arena_strdup(a->arena, why);
}
