#include "tests/unit/engine_rig.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "tests/unit/rules_kit.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

#define RIG_YAML "mail: [anna@example.org]\n"

/* --- what is written -------------------------------------------------------- */

static const char *
rig_alert_name(const struct render_alert *a)
{
	const char *host = labels_get(a->labels, "host");
	const char *name = labels_get(a->labels, "alertname");

	return host != NULL ? host : name != NULL ? name : "?";
}

static void
rig_write_line(const struct render_notice *n, struct buf *out)
{
	const char *on = strstr(n->group_subject, " on ");

	(void)buf_printf(out, "%s %.*s:", notice_kind_names[n->kind],
			 on != NULL ? (int)(on - n->group_subject) : INT_MAX,
			 n->group_subject);
	for (size_t i = 0; i < n->n; i++) {
		const struct render_alert *a = &n->v[i];

		(void)buf_printf(out, " %s%s",
				 a->state == INCIDENT_RESOLVED ? "-"
				 : a->state == INCIDENT_STALE  ? "~"
				 : a->is_new                   ? "+"
							       : "",
				 rig_alert_name(a));
	}
	if (n->nfiring + n->nresolved + n->nstale > n->n)
		(void)buf_printf(out, " (%zu %zu %zu)", n->nfiring,
				 n->nresolved, n->nstale);
	if (n->note != NULL)
		(void)buf_printf(out, " %s", n->note);
	if (n->kind == NOTICE_CLOSED || n->kind == NOTICE_ACKED)
		(void)buf_printf(out, " by %s", n->who);
}

static void
rig_expand(struct engine_letter *l)
{
	static const char *const members[] = {"x@example.org", "y@example.org"};
	struct envelope_rcpt *rcpt = arena_alloc(&l->arena, 2 * sizeof(*rcpt));

	for (size_t i = 0; i < 2; i++)
		rcpt[i] = (struct envelope_rcpt){.address = members[i],
						 .original = l->to->address,
						 .agent = "test",
						 .dest = members[i],
						 .route = "test"};
	l->rcpt = rcpt;
	l->nrcpt = 2;
}

static void
rig_write(void *ctx, struct engine_letter *l)
{
	struct engine_rig *er = ctx;
	const struct render_notice *n = l->notice;
	struct envelope_rcpt *rcpt;

	er->written++;
	if (er->unwritten != NULL &&
	    strcmp(er->unwritten, l->to->address) == 0) {
		engine_written(l, er->unwritten_why != 0 ? er->unwritten_why
							 : -EMSGSIZE);
		return;
	}
	rig_write_line(n, &l->content);
	(void)buf_printf(&l->content, "\n%s\n%s\n%s\n%s\n%zu\n%s\n%s\n",
			 n->message_id, n->root_id != NULL ? n->root_id : "",
			 n->receiver, n->next_what != NULL ? n->next_what : "",
			 n->n, n->group_subject, n->who != NULL ? n->who : "");
	rcpt = arena_alloc(&l->arena, sizeof(*rcpt));
	*rcpt = (struct envelope_rcpt){.address = l->to->address,
				       .agent = "test",
				       .dest = "hop",
				       .route = "test"};
	l->rcpt = rcpt;
	l->nrcpt = 1;
	if (er->alias != NULL && strcmp(er->alias, l->to->address) == 0)
		rig_expand(l);
	l->sender = "";
	l->message_id = n->message_id;
	engine_written(l, 0);
}

/* --- what arrives ----------------------------------------------------------- */

static void
rig_line_of(const char **text, char *ret, size_t size)
{
	size_t len = strcspn(*text, "\n");

	snprintf(ret, size, "%.*s", (int)len, *text);
	*text += len + ((*text)[len] != '\0');
}

/* "g.GROUP.SEQ.": of its message id. */
static void
rig_mail_of(struct engine_mail *m)
{
	char group[QUEUE_ID_LEN];

	must(sscanf(m->id, "g.%13[^.].%u.", group, &m->seq) == 2);
	must(queue_id_parse(group, &m->group) == 0);
}

static void
rig_keep(struct engine_rig *er, const struct attempt *a, const char *text)
{
	struct engine_mail *m = &er->mails[er->nmails++];
	char shown[16];

	must(er->nmails <= ENGINE_RIG_MAILS);
	snprintf(m->to, sizeof(m->to), "%s", a->rcpt[0].address);
	rig_line_of(&text, m->text, sizeof(m->text));
	rig_line_of(&text, m->id, sizeof(m->id));
	rig_mail_of(m);
	rig_line_of(&text, m->root, sizeof(m->root));
	rig_line_of(&text, m->from, sizeof(m->from));
	rig_line_of(&text, m->next, sizeof(m->next));
	rig_line_of(&text, shown, sizeof(shown));
	m->shown = (size_t)atoi(shown);
	rig_line_of(&text, m->subject, sizeof(m->subject));
	rig_line_of(&text, m->who, sizeof(m->who));
	m->queue_id = a->id;
	m->when_ms = clock_wall_ms(er->rig.clock);
	if (er->on_mail != NULL) {
		er->on_mail(m);
		er->nmails = 0;
	}
}

struct rig_reading {
	struct engine_rig *er;
	struct attempt *a;
	enum engine_far far;
	struct buf text;
};

static void
rig_give(struct engine_rig *er, struct attempt *a, enum engine_far far)
{
	struct attempt_rcpt *ar = &a->rcpt[0];

	a->dest_state = ATTEMPT_DEST_OK;
	ar->outcome = ATTEMPT_DONE;
	reply_set(&ar->reply, 250, "2.0.0", "ok");
	if (far == FAR_DOWN) {
		ar->outcome = ATTEMPT_UNTRIED;
		a->dest_state = ATTEMPT_DEST_FAILED;
		reply_set(&a->dest_reply, 421, "4.4.1", "no route to host");
	} else if (far == FAR_REFUSES) {
		ar->outcome = ATTEMPT_NEVER;
		reply_set(&ar->reply, 550, er->dsn != NULL ? er->dsn : "5.7.1",
			  "no");
	} else if (far == FAR_MUTE) {
		ar->outcome = ATTEMPT_LATER;
		ar->doubted = true;
		reply_set(&ar->reply, 451, "4.4.2", "timed out");
	}
	attempt_result(&a);
}

static void
rig_read(void *arg, const char *data, ssize_t len)
{
	struct rig_reading *r = arg;

	must(len >= 0);
	if (len > 0) {
		must(buf_append(&r->text, data, (size_t)len) == 0);
		attempt_read(r->a, rig_read, r);
		return;
	}
	r->er->reading--;
	rig_keep(r->er, r->a, buf_str(&r->text));
	rig_give(r->er, r->a, r->far);
	buf_done(&r->text);
	free(r);
}

static void
rig_take_mail(struct engine_rig *er, struct attempt *a, enum engine_far far)
{
	struct rig_reading *r = xcalloc(1, sizeof(*r));

	*r = (struct rig_reading){.er = er, .a = a, .far = far};
	buf_init(&r->text, 1 << 20);
	er->reading++;
	attempt_read(a, rig_read, r);
}

static void
rig_far(struct rig *rig, struct attempt *a)
{
	struct engine_rig *er = (struct engine_rig *)rig;
	enum engine_far far = er->far;

	if (er->only != NULL && strcmp(er->only, a->rcpt[0].address) != 0 &&
	    (er->also == NULL || strcmp(er->also, a->rcpt[0].address) != 0))
		far = FAR_TAKES;
	if (er->down != NULL && strcmp(er->down, a->rcpt[0].address) == 0)
		far = FAR_DOWN;
	if (far == FAR_TAKES || far == FAR_MUTE) {
		rig_take_mail(er, a, far);
	} else if (far == FAR_SLOW) {
		must(er->nout < 64);
		er->out[er->nout++] = a;
	} else {
		rig_give(er, a, far);
	}
}

void
engine_rig_hand(struct engine_rig *er)
{
	for (size_t i = 0; i < er->nout; i++)
		rig_take_mail(er, er->out[i], FAR_TAKES);
	er->nout = 0;
}

void
engine_rig_fail(struct engine_rig *er)
{
	for (size_t i = 0; i < er->nout; i++)
		rig_give(er, er->out[i], FAR_DOWN);
	er->nout = 0;
}

void
engine_rig_answer(struct engine_rig *er, bool delivered)
{
	for (size_t i = 0; i < er->nout && !delivered; i++)
		rig_give(er, er->out[i], FAR_REFUSES);
	if (delivered)
		engine_rig_hand(er);
	er->nout = 0;
	engine_rig_settle(er);
}

static int
rig_order(const void *a, const void *b)
{
	const struct engine_mail *x = a, *y = b;
	int r = strcmp(x->to, y->to);

	return r != 0 ? r : strcmp(x->text, y->text);
}

const char *
engine_rig_mails(struct engine_rig *er)
{
	size_t len = 0;

	qsort(er->mails, er->nmails, sizeof(er->mails[0]), rig_order);
	er->lines[0] = '\0';
	for (size_t i = 0; i < er->nmails; i++)
		len += (size_t)snprintf(er->lines + len,
					sizeof(er->lines) - len, "%.*s %s\n",
					(int)strcspn(er->mails[i].to, "@"),
					er->mails[i].to, er->mails[i].text);
	er->nmails = 0;
	return er->lines;
}

void
engine_rig_told_is(struct engine_rig *er, const char *expected,
		   const char *file, int line)
{
	const char *told = engine_rig_mails(er);

	if (strcmp(told, expected) == 0)
		return;
	fprintf(stderr, "told\n%sinstead of\n%s\n", told, expected);
	_fail(file, line);
}

struct rig_rows {
	const char *kinds;
	int n;
};

static int
rig_rows(struct store_txn *txn, void *arg)
{
	struct rig_rows *rows = arg;
	struct store_key at;
	struct store_rec rec;

	rows->n = 0;
	for (const char *p = rows->kinds; *p != '\0'; p++) {
		struct store_key from = {.kind = (uint8_t)*p};

		while (store_next(txn, &from, &at, &rec) > 0) {
			rows->n++;
			from = at;
			from.bytes[from.len++] = 0;
		}
	}
	return 0;
}

int
engine_rig_rows(struct engine_rig *er, const char *kinds)
{
	struct rig_rows rows = {.kinds = kinds};

	must(store_kit_run(queue_store(er->rig.q), rig_rows, &rows) == 0);
	return rows.n;
}

/* --- life ------------------------------------------------------------------- */

static struct engine_rig *rig_now; /* whose clock is asked */

static bool
rig_is_synced(void)
{
	return rig_now->synced;
}

static bool
rig_hear(void *ctx, const struct alert *a)
{
	struct engine_rig *er = ctx;

	return er->hear != NULL && er->hear(er->hear_ctx, a);
}

void
engine_rig_start(struct engine_rig *er)
{
	struct engine_deps deps;

	er->rig.agent = rig_far;
	rig_open(&er->rig);
	deps = (struct engine_deps){
		.queue = er->rig.q,
		.loop = er->rig.loop,
		.clock = er->rig.clock,
		.log = &er->rig.log_ctx,
		.metrics = er->rig.metrics,
		.write = rig_write,
		.write_ctx = er,
		.hear = rig_hear,
		.hear_ctx = er,
		.clock_is_synced = rig_is_synced,
		.hostname = "mx.example.org",
	};
	must(engine_new(&deps, &er->e) == 0);
	queue_start(er->rig.q);
	er->rules = rules_kit_new(er->yaml != NULL ? er->yaml : RIG_YAML);
	engine_start(er->e, er->rules);
}

void
engine_rig_open(struct engine_rig *er)
{
	engine_rig_start(er);
	engine_rig_settle(er);
}

void
engine_rig_rules(struct engine_rig *er, const char *yaml)
{
	rules_unref(&er->rules);
	er->yaml = yaml;
	er->rules = rules_kit_new(yaml);
	engine_set_rules(er->e, er->rules);
	engine_rig_settle(er);
}

void
engine_rig_begin(struct engine_rig *er, const char *dir)
{
	memset(er, 0, sizeof(*er));
	er->synced = true;
	rig_now = er;
	er->mails = xcalloc(ENGINE_RIG_MAILS, sizeof(er->mails[0]));
	rig_init(&er->rig, dir);
}

void
engine_rig_init(struct engine_rig *er, const char *dir)
{
	engine_rig_begin(er, dir);
	engine_rig_open(er);
}

void
engine_rig_close(struct engine_rig *er)
{
	if (er->e != NULL)
		engine_stop(er->e);
	if (er->rig.q == NULL)
		return;
	rig_settle(&er->rig);
	engine_rig_fail(er);
	queue_stop(er->rig.q);
	rig_settle(&er->rig);
	engine_free(&er->e);
	rules_unref(&er->rules);
	rig_close(&er->rig);
}

void
engine_rig_done(struct engine_rig *er)
{
	engine_rig_close(er);
	rig_done(&er->rig);
	free(er->mails);
}

void
engine_rig_settle(struct engine_rig *er)
{
	for (int quiet = 0; quiet < 2; quiet++) {
		size_t given = er->rig.given;

		if (!er->unturned)
			engine_turn(er->e);
		rig_settle(&er->rig);
		if (engine_is_busy(er->e) || er->rig.given != given ||
		    er->reading > 0)
			quiet = -1;
	}
}

void
engine_rig_advance(struct engine_rig *er, int64_t ms, int64_t step)
{
	while (ms > 0) {
		int64_t part = ms < step ? ms : step;

		clock_advance(er->rig.clock, part);
		engine_rig_settle(er);
		ms -= part;
	}
}

int
engine_rig_setup(void **state)
{
	struct engine_rig *er = xcalloc(1, sizeof(*er));

	engine_rig_init(er, NULL);
	*state = er;
	return 0;
}

int
engine_rig_teardown(void **state)
{
	struct engine_rig *er = *state;

	engine_rig_done(er);
	free(er);
	return 0;
}
