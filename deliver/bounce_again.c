/*
 * bounce_again - a DSN with the whole original that was refused for what it
 * holds: it goes once more, with the original's header only.
 *
 *	read the DSN -> draft -> shorten -> route -> commit
 *
 * The sender would not know otherwise. Where it was refused for something else
 * (nobody there, no mail from a null path) a shorter one would be, too.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/must.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "deliver/deliver_impl.h"
#include "mail/dsn.h"

#define AGAIN_MAX ((size_t)STORE_BLOB_IN_PLACE * STORE_PAGE_MAX)
/* When even the header is too long, once it is encoded. */
#define AGAIN_HEADER ((size_t)8 * 1024)

struct again {
	struct deliver_loop *dl; /* borrowed */
	struct tell *tell;       /* owned */
	struct routing *routing; /* a reference */
	struct buf report, shorter;
	struct draft *draft; /* owned */
};

static void
again_free(struct again *g)
{
	struct deliver_loop *dl = g->dl;

	must(!g->tell && !g->draft);
	routing_unref(&g->routing);
	buf_done(&g->report);
	buf_done(&g->shorter);
	free(g);
	dl->under_way--;
	deliver_loop_check(dl);
}

/* --- publish --------------------------------------------------------------------- */

/* The queue logs and counts it. */
static void
again_nobody(struct again *g)
{
	tell_commit(&g->tell, NULL, NULL, NULL, NULL);
}

/* The way to whom it goes: the addresses are what aliases made of them. */
static int
again_route(struct again *g, struct envelope_rcpt *to)
{
	struct tell *t = g->tell;
	struct address address;
	struct route route;
	const char *why;

	for (size_t i = 0; i < t->nrcpt; i++) {
		const struct tell_rcpt *from = &t->rcpt[i];

		if (address_parse_bare(from->address, &t->arena, &address,
				       &why) < 0 ||
		    route_find(g->routing, "", &address, &route) < 0)
			return -ENOENT;
		to[i] = (struct envelope_rcpt){
			.address = from->address,
			.original = from->original,
			.orcpt = from->orcpt,
			.notify = from->notify,
			.agent = arena_strdup(&t->arena, route.agent),
			.dest = arena_strdup(&t->arena, route.dest),
			.route = arena_strdup(&t->arena, route.rule),
		};
	}
	return 0;
}

static void
again_commit(struct again *g, const char *message_id)
{
	struct tell *t = g->tell;
	struct envelope_rcpt *to =
		arena_alloc(&t->arena, t->nrcpt * sizeof(*to));
	const struct envelope env = {
		.sender = "",
		.class = t->class,
		.flow = queue_flow("", address_domain_of(t->rcpt[0].address)),
		.eight_bit = utf8_has_8bit(g->shorter.data, g->shorter.len),
		.smtputf8 = t->utf8_header,
		.utf8_header = t->utf8_header,
		.message_id = message_id,
		.teller = 'm',
		.nrcpt = t->nrcpt,
		.rcpt = to,
	};

	if (again_route(g, to) < 0) {
		draft_abandon(&g->draft);
		again_nobody(g);
		return;
	}
	tell_commit(&g->tell, &g->draft, &env, NULL, NULL);
}

static int
again_shorten(struct again *g, const char *message_id)
{
	const char *report = buf_str(&g->report);
	int e = dsn_shorten(report, g->report.len, message_id, g->report.len,
			    &g->shorter);

	if (e != -EMSGSIZE)
		return e;
	buf_clear(&g->shorter);
	return dsn_shorten(report, g->report.len, message_id, AGAIN_HEADER,
			   &g->shorter);
}

static void
again_say(struct again *g)
{
	struct arena *arena = &g->tell->arena;
	char id[QUEUE_ID_LEN];
	const char *message_id;

	if (tell_draft(g->tell, &g->draft) < 0) {
		tell_drop(&g->tell); /* no room now */
		return;
	}
	queue_id_text(draft_id(g->draft), id);
	message_id =
		arena_printf(arena, "%s@%s", id, routing_hostname(g->routing));
	if (again_shorten(g, message_id) < 0) {
		draft_abandon(&g->draft);
		again_nobody(g);
		return;
	}
	if (draft_write(g->draft, g->shorter.data, g->shorter.len) < 0) {
		draft_abandon(&g->draft);
		tell_drop(&g->tell);
		return;
	}
	again_commit(g, message_id);
}

/* --- the DSN as it was ------------------------------------------------------------ */

/* Damaged content stays that; a disk that fails, or a queue that stops, may
 * give it another time. */
static bool
again_is_for_later(const struct again *g, ssize_t error)
{
	return error != -EBADMSG &&
	       loop_wall_ms(g->dl->loop) < g->tell->expires_ms;
}

static void
again_got(void *arg, const char *data, ssize_t len)
{
	struct again *g = arg;

	if (len > 0 && buf_append(&g->report, data, (size_t)len) == 0 &&
	    (int64_t)g->report.len < g->tell->size) {
		tell_read(g->tell, again_got, g);
		return;
	}
	if (len >= 0)
		again_say(g);
	else if (again_is_for_later(g, len))
		tell_drop(&g->tell);
	else
		again_nobody(g);
	again_free(g);
}

/* Those that it may reach now come first; how many they are. */
static size_t
again_sort(struct tell *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->nrcpt; i++) {
		struct tell_rcpt rcpt = t->rcpt[i];

		if (rcpt.what != TELL_FAILED ||
		    !bounce_is_of_content(&rcpt.reply))
			continue;
		t->rcpt[i] = t->rcpt[n];
		t->rcpt[n++] = rcpt;
	}
	return n;
}

bool
bounce_again(struct deliver_loop *dl, struct tell *tell)
{
	struct again *g;
	size_t n = tell->quotes ? again_sort(tell) : 0;

	if (n == 0)
		return false;
	tell->nrcpt = n;
	g = xcalloc(1, sizeof(*g));
	dl->under_way++;
	g->dl = dl;
	g->tell = tell;
	g->routing = deliver_routing(dl->deliver);
	buf_init(&g->report, AGAIN_MAX);
	buf_init(&g->shorter, AGAIN_MAX);
	tell_read(tell, again_got, g);
	return true;
}
