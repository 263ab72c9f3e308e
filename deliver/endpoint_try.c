#include "deliver/endpoint_try.h"

#include <errno.h>

#include "base/must.h"

void
endpoint_try_finish(struct endpoint_try *t)
{
	t->over = true;
	program_free(&t->program);
	if (t->reading)
		return; /* et_read() comes back */
	LIST_REMOVE(t, link);
	endpoints_unref(&t->endpoints);
	deliver_hand_back(t->dl, t->a, t->routing);
}

void
endpoint_try_fail(struct endpoint_try *t, enum attempt_outcome outcome,
		  int code, const char *dsn, const char *why)
{
	struct attempt_rcpt *rcpt = &t->a->rcpt[0];

	rcpt->outcome = outcome;
	rcpt->relay = "";
	reply_set(&rcpt->reply, code, dsn, "%s", why);
	endpoint_try_finish(t);
}

static void
et_unread(struct endpoint_try *t, int why)
{
	if (why == -EMSGSIZE)
		endpoint_try_fail(t, ATTEMPT_NEVER, 552, "5.3.4",
				  "the message is too long");
	else if (why == -EINVAL)
		endpoint_try_fail(t, ATTEMPT_NEVER, 554, "5.6.0",
				  "the message is none for an endpoint");
	else
		endpoint_try_fail(t, ATTEMPT_LATER, 451, "4.3.0",
				  why == -EBADMSG || why == -EPROTO
					  ? "the stored content is damaged"
					  : "the stored content can't be read "
					    "now");
}

static void
et_read(void *arg, int result)
{
	struct endpoint_try *t = arg;

	t->reading = false;
	if (t->over)
		endpoint_try_finish(t);
	else if (result < 0)
		et_unread(t, result);
	else if (t->ep->kind == ENDPOINT_WEB)
		endpoint_try_ask(t);
	else
		endpoint_try_run(t);
}

void
endpoint_try_start(struct deliver_loop *dl, struct attempt *a,
		   enum endpoint_kind kind)
{
	struct endpoint_try *t = arena_alloc(&a->arena, sizeof(*t));

	must(a->nrcpt == 1);
	t->dl = dl;
	t->a = a;
	t->routing = deliver_routing(dl->deliver);
	t->endpoints = deliver_endpoints(dl->deliver);
	LIST_INSERT_HEAD(&dl->endpoint_tries, t, link);
	dl->under_way++;
	if (dl->stopping) {
		endpoint_try_finish(t);
		return;
	}
	if (t->endpoints == NULL) {
		endpoint_try_fail(t, ATTEMPT_LATER, 451, "4.3.5",
				  "no endpoints are configured");
		return;
	}
	t->ep = endpoints_find(t->endpoints, a->rcpt[0].address);
	if (t->ep == NULL || t->ep->kind != kind) {
		endpoint_try_fail(t, ATTEMPT_NEVER, 550, "5.3.5",
				  "the configuration has no such endpoint "
				  "any more");
		return;
	}
	if (route_is_endpoint_held(t->routing, t->ep->name)) {
		endpoint_try_fail(t, ATTEMPT_LATER, 451, "4.7.1",
				  "delivery.only_recipients does not list it");
		return;
	}
	t->reading = true;
	content_read(&t->reader, a, et_read, t);
}

struct endpoint_try *
endpoint_try_next(const struct endpoint_try *t)
{
	return LIST_NEXT(t, link);
}

void
endpoint_try_abort(struct endpoint_try *t)
{
	if (t->over)
		return;
	fetch_cancel(&t->fetch);
	endpoint_try_finish(t); /* as it came: first thing after the start */
}
