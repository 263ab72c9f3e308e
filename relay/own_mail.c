#include "relay/own_mail.h"

#include "relay/notify.h"
#include "verdict/dkim_sign.h"

#define OM_SIGNED_MAX ((size_t)16 * 1024)

int
own_mail_begin(struct own_mail *m)
{
	struct relay *r = m->relay;
	char name[QUEUE_ID_LEN];
	int result;

	if (expand_rcpt(r->snapshot->routing, "", m->to, true, m->arena,
			&m->way) != EXPAND_OK)
		return 1;
	result = draft_open(r->queue, OWN_MAIL_MAX + OM_SIGNED_MAX,
			    STORE_NEED_NOTICE, relay_home(r), m->handle, NULL,
			    &m->draft);
	if (result < 0)
		return result;
	m->id = draft_id(m->draft);
	queue_id_text(m->id, name);
	m->message_id = arena_printf(m->arena, "%s@%s", name,
				     relay_config(r)->hostname);
	return 0;
}

/* With our signature, where there is a key; without, where it fails. So few a
 * minute need not go through the pool. */
static int
om_write(struct own_mail *m, const char *text, size_t len)
{
	time_t now = (time_t)(clock_wall_ms(m->relay->clock) / 1000);
	struct buf fields;
	int result = 0;

	buf_init(&fields, OM_SIGNED_MAX);
	if (dkim_sign_message(m->relay->snapshot->keys, text, len, now,
			      &fields) == 0 &&
	    fields.len > 0)
		result = draft_write(m->draft, fields.data, fields.len);
	buf_done(&fields);
	return result < 0 ? result : draft_write(m->draft, text, len);
}

int
own_mail_send(struct own_mail *m, const char *text, size_t len,
	      draft_commit_fn *fn)
{
	const struct envelope env = {
		.sender = "",
		.class = m->class,
		.flow = queue_flow(m->flow, NULL),
		.message_id = m->message_id,
		.teller = NOTIFY_TELLER,
		.nrcpt = m->way.n,
		.rcpt = own_mail_rcpts(&m->way, NULL, m->arena),
	};
	int result = om_write(m, text, len);

	if (result < 0) {
		draft_abandon(&m->draft);
		return result;
	}
	draft_commit(&m->draft, &env, fn);
	return 0;
}

const struct envelope_rcpt *
own_mail_rcpts(const struct expansion *to, const char *original,
	       struct arena *arena)
{
	struct envelope_rcpt *rcpt = arena_alloc(arena, to->n * sizeof(*rcpt));

	for (size_t i = 0; i < to->n; i++)
		rcpt[i] = (struct envelope_rcpt){
			.address = to->v[i].address,
			.original = to->v[i].copy ? NULL : original,
			.copy = to->v[i].copy,
			.agent = to->v[i].route.agent,
			.dest = to->v[i].route.dest,
			.route = to->v[i].route.rule,
		};
	return rcpt;
}
