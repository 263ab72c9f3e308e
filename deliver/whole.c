#include "deliver/whole.h"

#include <stdlib.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "deliver/deliver_impl.h"

struct whole_agent {
	struct deliver *deliver; /* borrowed */
	size_t max;
	whole_fn *fn;
	void *ctx;
	struct whole_agent *next;
};

/* Lives in its attempt's arena. */
struct whole_try {
	struct whole whole;
	struct whole_agent *agent; /* borrowed */
	struct deliver_loop *dl;   /* borrowed */
	struct attempt *a;         /* owned until handed back */
	struct routing *routing;   /* a reference */
	struct buf data;
	int64_t read_bytes;
};

static void
wt_finish(struct whole_try *t)
{
	buf_done(&t->data);
	deliver_hand_back(t->dl, t->a, t->routing); /* T is gone with it */
}

void
whole_done(struct whole *w, int code, const char *dsn, const char *text)
{
	struct whole_try *t = (struct whole_try *)w;
	struct attempt_rcpt *rcpt = &t->a->rcpt[0];

	rcpt->outcome = code / 100 == 2   ? ATTEMPT_DONE
			: code / 100 == 4 ? ATTEMPT_LATER
					  : ATTEMPT_NEVER;
	rcpt->relay = "local";
	rcpt->reach = ATTEMPT_DELIVERED;
	t->a->dest_state = ATTEMPT_DEST_OK;
	reply_set(&rcpt->reply, code, dsn, "%s", text);
	wt_finish(t);
}

static void
wt_got(void *arg, const char *data, ssize_t len)
{
	struct whole_try *t = arg;
	size_t room = t->data.max - t->data.len;

	if (len > 0) {
		t->read_bytes += len;
		must(buf_append(&t->data, data,
				(size_t)len < room ? (size_t)len : room) == 0);
	}
	if (len < 0 || t->read_bytes > t->a->size ||
	    (len == 0 && t->read_bytes < t->a->size)) {
		whole_done(&t->whole, 451, "4.3.0",
			   arena_printf(&t->a->arena, "the stored content %s",
					deliver_unread(len)));
		return;
	}
	if (t->read_bytes < t->a->size && t->data.len < t->data.max) {
		attempt_read(t->a, wt_got, t);
		return;
	}
	t->whole.data = buf_str(&t->data);
	t->whole.len = t->data.len;
	t->agent->fn(t->agent->ctx, &t->whole);
}

static void
wt_attempt(void *ctx, struct loop *loop, struct attempt *a)
{
	struct whole_agent *agent = ctx;
	struct whole_try *t = arena_alloc(&a->arena, sizeof(*t));
	struct route route;

	must(a->nrcpt == 1);
	t->agent = agent;
	t->dl = deliver_find_loop(agent->deliver, loop);
	t->a = a;
	t->routing = deliver_routing(agent->deliver);
	t->whole.loop = loop;
	t->whole.a = a;
	t->whole.delimiter = routing_delimiter(t->routing);
	buf_init(&t->data, agent->max);
	t->dl->under_way++;
	if (t->dl->stopping ||
	    !attempt_route_rcpt(a, &a->rcpt[0], t->routing, &route))
		wt_finish(t);
	else
		attempt_read(a, wt_got, t);
}

void
deliver_whole(struct deliver *d, const char *agent, size_t max, whole_fn *fn,
	      void *ctx)
{
	struct whole_agent *w = xcalloc(1, sizeof(*w));

	*w = (struct whole_agent){d, max, fn, ctx, d->wholes};
	d->wholes = w;
	queue_set_agent(d->queue, agent, wt_attempt, w);
	queue_limit_agent(d->queue, agent, 1);
	queue_unrated_agent(d->queue, agent);
}

void
whole_agents_free(struct deliver *d)
{
	struct whole_agent *w, *next;

	for (w = d->wholes; w != NULL; w = next) {
		next = w->next;
		free(w);
	}
	d->wholes = NULL;
}
