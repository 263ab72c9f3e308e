#include "tests/unit/so_rig.h"

#include <string.h>

#include "tests/unit/test.h"

const char *const so_rig_outcome_words[] = {
	[ATTEMPT_UNTRIED] = "untried", [ATTEMPT_DONE] = "done",
	[ATTEMPT_LATER] = "later",     [ATTEMPT_NEVER] = "never",
	[ATTEMPT_MOVED] = "moved",
};

static void
mail_init(struct attempt *a, size_t nrcpt)
{
	memset(a, 0, sizeof(*a));
	arena_init(&a->arena);
	a->sender = "anna@example.org";
	a->size = 100;
	a->nrcpt = nrcpt;
	a->rcpt = arena_alloc(&a->arena, nrcpt * sizeof(*a->rcpt));
	for (size_t i = 0; i < nrcpt; i++) {
		a->rcpt[i].n = (uint32_t)i + 1;
		a->rcpt[i].address =
			arena_printf(&a->arena, "r%zu@example.net", i);
	}
}

void
so_rig_init(struct so_rig *g, size_t nrcpt)
{
	const struct smtp_out_conf conf = {.helo = "relay.example.org",
					   .chunking = true};

	buf_init(&g->out, SMTP_OUT_MAX);
	smtp_out_init(&g->so, &conf, &g->out);
	mail_init(&g->a[0], nrcpt);
	mail_init(&g->a[1], nrcpt);
	g->judged = &g->a[0];
}

void
so_rig_done(struct so_rig *g)
{
	smtp_out_done(&g->so);
	buf_done(&g->out);
	arena_done(&g->a[0].arena);
	arena_done(&g->a[1].arena);
}

void
so_rig_hear(struct so_rig *g, const char *s)
{
	smtp_out_input(&g->so, s, strlen(s));
}

void
so_rig_expect_sent(struct so_rig *g, const char *want)
{
	assert_string_equal(buf_str(&g->out), want);
	buf_clear(&g->out);
}

void
so_rig_greet(struct so_rig *g, const char *ehlo)
{
	so_rig_hear(g, "220 mx.example.net ESMTP\r\n");
	so_rig_hear(g, ehlo);
	assert_int_equal(g->so.state, SMTP_OUT_READY);
	buf_clear(&g->out);
}
