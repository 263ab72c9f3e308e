#include "relay/alert_write.h"

#include <errno.h>
#include <stdlib.h>

#include "relay/alert_page.h"
#include "alert/render.h"
#include "alert/rules.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "mail/header.h"
#include "relay/own_mail.h"
#include "verdict/dkim_pool.h"

/* A notice travels with the records that it changes: within a draft's memory. */
#define AW_MAX        ((size_t)STORE_BLOB_IN_PLACE * STORE_PAGE_MAX)
#define AW_SIGNED_MAX ((size_t)16 * 1024)
#define AW_URL_MAX    2048

struct alert_writing {
	struct relay *relay; /* borrowed */
	const struct alert_link_key *key;
	struct engine_letter *letter;
	struct snapshot *snapshot; /* owned reference */
	struct buf text;
};

static void
aw_end(struct alert_writing *w, int result)
{
	struct engine_letter *letter = w->letter;

	snapshot_unref(&w->snapshot);
	buf_done(&w->text);
	free(w);
	engine_written(letter, result);
}

/* --- tokens ------------------------------------------------------------------ */

static void
aw_token(const struct alert_writing *w, enum alert_token_kind kind,
	 enum alert_link_action action, const char *recipient,
	 char ret[static ALERT_TOKEN_LEN + 1])
{
	const struct alert_token token = {
		.kind = kind,
		.action = action,
		.group = w->letter->group,
		.seq = w->letter->seq,
		.expires_ms = loop_wall_ms(relay_home(w->relay)) +
			      ALERT_WRITE_TOKENS_MS,
	};

	alert_token_make(w->key, &token, recipient, ret);
}

static const char *
aw_url(const struct alert_writing *w, const char *base,
       enum alert_link_action action)
{
	const char *to = w->letter->to->address, *text = NULL;
	char token[ALERT_TOKEN_LEN + 1];
	struct buf url;

	if (base[0] == '\0')
		return NULL;
	aw_token(w, ALERT_TOKEN_LINK, action, to, token);
	buf_init(&url, AW_URL_MAX);
	if (alert_page_url(base, token, to, &url) == 0)
		text = arena_strndup(&w->letter->arena, url.data, url.len);
	buf_done(&url);
	return text;
}

/* What only this process can say of the notice. */
static struct render_notice
aw_notice(const struct alert_writing *w, const struct rules_settings *set)
{
	struct render_notice n = *w->letter->notice;
	char token[ALERT_TOKEN_LEN + 1];

	n.ack_url = aw_url(w, set->url, ALERT_LINK_ACK);
	n.silence_url = aw_url(w, set->url, ALERT_LINK_SILENCE);
	n.show_url = aw_url(w, set->url, ALERT_LINK_SHOW);
	aw_token(w, ALERT_TOKEN_MARK, ALERT_LINK_NONE, "", token);
	n.mark = arena_strdup(&w->letter->arena, token);
	if (set->reply[0] != '\0') {
		aw_token(w, ALERT_TOKEN_REPLY, ALERT_LINK_NONE,
			 w->letter->to->address, token);
		n.reply_token = arena_strdup(&w->letter->arena, token);
	}
	return n;
}

/* --- mail -------------------------------------------------------------------- */

static char
aw_delimiter(const struct alert_writing *w)
{
	char c = routing_delimiter(w->snapshot->routing);

	return c != '\0' ? c : '+';
}

/* A bounce comes back to where it is understood. */
static const char *
aw_sender(const struct alert_writing *w, const struct rules_settings *set)
{
	char token[ALERT_TOKEN_LEN + 1];

	if (set->reply[0] == '\0')
		return "";
	aw_token(w, ALERT_TOKEN_BOUNCE, ALERT_LINK_NONE, w->letter->to->address,
		 token);
	return arena_printf(&w->letter->arena, "alert%cb.%s@%s",
			    aw_delimiter(w), token, set->reply);
}

/* Nobody there now: it waits, and is looked up anew at each try. */
static void
aw_nowhere(struct engine_letter *l)
{
	struct envelope_rcpt *rcpt = arena_alloc(&l->arena, sizeof(*rcpt));
	const char *domain = address_domain_of(l->to->address);

	*rcpt = (struct envelope_rcpt){.address = l->to->address,
				       .agent = "smtp",
				       .dest = domain[0] != '\0' ? domain
								 : "localhost",
				       .route = "none"};
	l->rcpt = rcpt;
	l->nrcpt = 1;
}

static void
aw_recipients(const struct alert_writing *w)
{
	struct engine_letter *l = w->letter;
	struct expansion to;
	struct address a;
	const char *why;

	if (address_parse(l->to->address, &l->arena, &a, &why) < 0 ||
	    expand_rcpt(w->snapshot->routing, l->sender, &a, true, &l->arena,
			&to) != EXPAND_OK) {
		aw_nowhere(l);
		return;
	}
	l->rcpt = own_mail_rcpts(&to, l->to->address, &l->arena);
	l->nrcpt = to.n;
}

/* What can't be signed leaves as it is; what could have been is tried again. */
static void
aw_signed(void *arg, int result, const struct buf *fields)
{
	struct alert_writing *w = arg;
	struct buf *to = &w->letter->content;

	if (result == -EIO) {
		aw_end(w, result);
		return;
	}
	buf_append(to, fields->data, fields->len);
	buf_append(to, w->text.data, w->text.len);
	aw_end(w, 0);
}

static void
aw_sign(struct alert_writing *w)
{
	time_t now = (time_t)(loop_wall_ms(relay_home(w->relay)) / 1000);
	struct dkim_keys *keys = w->snapshot->keys;
	struct dkim_signing *signing = NULL;
	const struct buf none = {.len = 0};
	size_t end = 0, scanned = 0;

	if (keys == NULL ||
	    header_end(w->text.data, w->text.len, &scanned, &end) != 1 ||
	    dkim_signing_new(keys, w->text.data, end, now, &signing) < 0 ||
	    signing == NULL) {
		aw_signed(w, 0, &none);
		return;
	}
	dkim_signing_body(signing, w->text.data + end, w->text.len - end);
	dkim_signing_run(signing, AW_SIGNED_MAX, w->relay->cpu,
			 relay_home(w->relay), aw_signed, w);
}

static void
aw_mail(struct alert_writing *w, const struct render_notice *n,
	const struct rules_settings *set)
{
	struct engine_letter *l = w->letter;

	if (render_mail(w->snapshot->render, n, l->to->address, &w->text) < 0) {
		aw_end(w, -EMSGSIZE);
		return;
	}
	l->sender = aw_sender(w, set);
	l->message_id = n->message_id;
	l->utf8 = !utf8_is_ascii(l->to->address);
	aw_recipients(w);
	aw_sign(w);
}

/* --- the other channels ------------------------------------------------------- */

static void
aw_body(struct alert_writing *w, const struct render_notice *n)
{
	struct engine_letter *l = w->letter;
	struct envelope_rcpt *rcpt = arena_alloc(&l->arena, sizeof(*rcpt));

	if (render_body(w->snapshot->render, l->to->channel, l->to->address, n,
			&l->content) < 0) {
		aw_end(w, -EMSGSIZE);
		return;
	}
	*rcpt = (struct envelope_rcpt){
		.address = l->to->address,
		.agent = l->to->channel == CHANNEL_EXEC ? "exec" : "web",
		.dest = l->to->address,
		.route = channel_names[l->to->channel],
	};
	l->rcpt = rcpt;
	l->nrcpt = 1;
	l->sender = "";
	l->message_id = n->message_id;
	l->eight_bit = utf8_has_8bit(l->content.data, l->content.len);
	aw_end(w, 0);
}

void
alert_write(struct relay *r, const struct alert_link_key *key,
	    struct engine_letter *letter)
{
	struct alert_writing *w = xcalloc(1, sizeof(*w));
	const struct rules_settings *set;
	struct render_notice n;

	w->relay = r;
	w->key = key;
	w->letter = letter;
	w->snapshot = snapshot_ref(r->snapshot);
	set = rules_settings(w->snapshot->rules);
	buf_init(&w->text, AW_MAX);
	buf_done(&letter->content);
	buf_init(&letter->content, AW_MAX);
	n = aw_notice(w, set);
	if (letter->to->channel == CHANNEL_MAIL)
		aw_mail(w, &n, set);
	else
		aw_body(w, &n);
}
