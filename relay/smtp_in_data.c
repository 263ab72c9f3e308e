#include "relay/smtp_in_data.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "mail/header.h"
#include "mail/header_rewrite.h"
#include "mail/received.h"
#include "relay/smtp_in_rcpt.h"
#include "relay/smtp_in_auth.h"
#include "relay/smtp_in_refuse.h"
#include "relay/smtp_in_seal.h"

/* Our fields in front: a Received field with a path, Date, Message-ID, Sender.
 */
#define SI_ADDED_MAX (8 * 1024)
/* More than this many recipients make a message bulk. */
#define SI_BULK_RECIPIENTS 50
/* A client that goes on this long beyond what we take is hung up on. */
#define SI_PATIENCE (1024 * 1024)

int
si_data_begin(struct smtp_in *si)
{
	const struct limits_conf *limits = si->conf->limits;
	int r;

	r = si->calls->open(si->arg,
			    (size_t)limits->message_size + SI_ADDED_MAX +
				    SI_SEAL_MAX,
			    &si->id);
	if (r < 0)
		return r;
	si->draft = true;
	lines_data_init(&si->lines, (size_t)limits->text_line - 2); /* CRLF */
	buf_init(&si->header, (size_t)limits->header_size + SI_PIECE_MAX);
	/* What follows the header in that: more than a piece, where a long line
	 * ends it. With the end of the last line, which a chunk may lack. */
	buf_init(&si->early, si->header.max + 2);
	si->scanned = 0;
	si->size = 0;
	si->stored = 0;
	return 0;
}

enum smtp_in_state
si_data_refuse(struct smtp_in *si, enum smtp_in_no no)
{
	if (si->draft)
		si->calls->abandon(si->arg);
	si_seal_drop(si);
	si->draft = false;
	si->paused = false; /* a draft that is gone tells of no end of it */
	si->no = no;
	return SMTP_IN_REFUSED;
}

static enum smtp_in_state
si_data_store(struct smtp_in *si, const char *data, size_t len,
	      enum smtp_in_state stay)
{
	int r = len > 0 ? si->calls->write(si->arg, data, len) : 0;

	si->stored += (int64_t)len;
	if (r > 0)
		si->paused = true;
	if (r >= 0)
		return stay;
	if (r == -EMSGSIZE)
		return si_data_refuse(si, SMTP_IN_NO_SIZE);
	return si_data_refuse(si, r == -ENOSPC ? SMTP_IN_NO_FULL
					       : SMTP_IN_NO_STORE);
}

/* --- the header ------------------------------------------------------------ */

static const char *
si_rewritten(struct smtp_in *si, enum rewrite_place place, const char *address)
{
	const char *with =
		rewrite_address(si->conf->rewrite, place, address, &si->arena);

	return with != NULL ? with : address;
}

/* A name without a domain gets ours, a sender what the rules say. */
static const char *
si_rewrite_mailbox(void *arg, enum header_mailbox field, const char *text,
		   bool bare, struct arena *arena)
{
	static const enum rewrite_place places[] = {
		[HEADER_FROM] = REWRITE_FROM,
		[HEADER_SENDER] = REWRITE_SENDER,
	};
	struct smtp_in *si = arg;
	const char *whole = text, *with = NULL, *why;
	struct address a;

	/* An encoded word is a display name without an address. */
	if (bare && strncmp(text, "=?", 2) == 0)
		return NULL;
	if (bare) {
		whole = arena_printf(arena, "%s@%s", text, si->conf->origin);
		if (address_parse(whole, arena, &a, &why) < 0)
			return NULL;
	}
	if (field != HEADER_OTHER)
		with = rewrite_address(si->conf->rewrite, places[field], whole,
				       arena);
	if (with != NULL)
		return with;
	return bare ? whole : NULL;
}

/* RFC 3848, and RFC 6531, 4.3. */
static const char *
si_with(const struct smtp_in *si)
{
	static const char *const names[2][2] = {{"ESMTP", "ESMTPS"},
						{"ESMTPA", "ESMTPSA"}};
	static const char *const utf8_names[2][2] = {
		{"UTF8SMTP", "UTF8SMTPS"}, {"UTF8SMTPA", "UTF8SMTPSA"}};
	bool user = si->client->user != NULL, tls = si->tls != NULL;

	if (si->smtputf8)
		return utf8_names[user][tls];
	return user || si->esmtp ? names[user][tls] : "SMTP";
}

/* The only recipient as given, unless a header of ASCII would no longer be one.
 */
static const char *
si_for(const struct smtp_in *si)
{
	/* Not what it stands for: that is nobody's business. */
	const char *rcpt = si->ntaken == 1 ? si->rcpt[0].original : NULL;

	return rcpt != NULL && (si->utf8_header || utf8_is_ascii(rcpt)) ? rcpt
									: NULL;
}

/* The fields that go in front, Received first (RFC 5321, 4.4). */
static int
si_prefix(struct smtp_in *si, const struct header_facts *facts, const char *id,
	  struct buf *out)
{
	const struct received received = {
		.helo = si->helo,
		.client_ip = si->client->received_ip,
		.client_uid = si->client->uid,
		.by = si->conf->hostname,
		.with = si_with(si),
		.tls = si->tls,
		.id = id,
		.for_rcpt = si_for(si),
		.now_ms = si->calls->now_ms(si->arg),
	};
	const char *mailbox = si->client->mailbox;
	int r = received_write(&received, out);

	if (r == 0 && !facts->has_date)
		r = received_write_date(received.now_ms, out);
	if (r == 0 && !facts->has_message_id)
		r = received_write_message_id(id, si->conf->hostname, out);
	/* Who really sent it, as the kernel says. */
	if (r == 0 && mailbox != NULL && !facts->has_sender &&
	    strcmp(si->given_sender, mailbox) != 0)
		r = buf_printf(out, "Sender: <%s>\r\n",
			       si_rewritten(si, REWRITE_SENDER, mailbox));
	return r;
}

/* For nobody but the alerts. */
static bool
si_is_alert(const struct smtp_in *si)
{
	for (size_t i = 0; i < si->nrcpt; i++)
		if (strcmp(si->rcpt[i].agent, "alert") != 0)
			return false;
	return si->nrcpt > 0;
}

static enum queue_class
si_class(const struct smtp_in *si, const struct header_facts *facts)
{
	const struct user *user = si->client->user;
	int class;

	if (si_is_alert(si))
		return QUEUE_ALERT;
	class = user != NULL && user->class != USER_CLASS_LISTENER
			? user->class
			: (int)si->conf->class;

	switch ((enum config_class) class) {
	case CONFIG_CLASS_NORMAL:
		return QUEUE_NORMAL;
	case CONFIG_CLASS_BULK:
		return QUEUE_BULK;
	case CONFIG_CLASS_BY_HEADER:
		break;
	}
	return facts->bulk || si->ntaken > SI_BULK_RECIPIENTS ? QUEUE_BULK
							      : QUEUE_NORMAL;
}

static void
si_envelope(struct smtp_in *si, const struct header_facts *facts,
	    const char *id)
{
	/* A uid is one flow; who stands behind an address is told apart by
	 * the sender's domain. */
	bool by_uid = si->client->received_ip == NULL;
	const struct user *user = si->client->user;
	const char *who = si->client->who;

	if (user != NULL)
		who = arena_printf(&si->arena, "user:%s", user->name);

	si_rcpt_order(si);
	si->env = (struct envelope){
		.sender = si->sender,
		.ret = si->ret,
		.envid = si->envid,
		.smtputf8 = si->smtputf8,
		.utf8_header = si->utf8_header,
		.submitted = si->trusted && si_seal_is_ours(si),
		.class = si_class(si, facts),
		.flow = queue_flow(who, by_uid ? "" : si->sender_domain),
		.message_id =
			facts->has_message_id
				? arena_strdup(&si->arena, facts->message_id)
				: arena_printf(&si->arena, "<%s@%s>", id,
					       si->conf->hostname),
		.key = si->client->key,
		.key_kept = si->client->key != NULL,
		.teller = 'm',
		.nrcpt = si->nrcpt,
		.rcpt = si->rcpt,
	};
}

static bool
si_ends_empty(const char *header, size_t len)
{
	return len >= 2 && memcmp(header + len - 2, "\r\n", 2) == 0 &&
	       (len == 2 || header[len - 3] == '\n');
}

/* The content, when its header is whole. */
struct si_content {
	const char *data;
	size_t len, header_len; /* the header is at its beginning */
	struct buf own;         /* the header as it leaves; empty: as it came */
};

static int
si_content_own(struct smtp_in *si, struct si_content *c)
{
	int r = 0;

	buf_init(&c->own, 2 * (size_t)si->conf->limits->header_size);
	if (si->trusted)
		r = header_rewrite(c->data, c->header_len, si_rewrite_mailbox,
				   si, &c->own);
	return r < 0 ? r : 0;
}

/* What its own is of, as a piece. */
static const char *
si_content_header(const struct si_content *c, size_t *ret_len)
{
	*ret_len = c->own.len > 0 ? c->own.len : c->header_len;
	return c->own.len > 0 ? c->own.data : c->data;
}

/* Without what is forged, if there is something. */
static enum smtp_in_state
si_store_header(struct smtp_in *si, const struct si_content *c)
{
	enum smtp_in_state next = SMTP_IN_BODY;
	const struct verdict_forged *forged = NULL;
	size_t n = 0, at = 0, len;
	const char *header = si_content_header(c, &len);

	if (si->verdict != NULL)
		n = verdict_forged(si->verdict, &forged);
	for (size_t i = 0; i < n && next == SMTP_IN_BODY; i++) {
		next = si_data_store(si, header + at, forged[i].at - at, next);
		at = forged[i].at + forged[i].len;
	}
	return next == SMTP_IN_BODY
		       ? si_data_store(si, header + at, len - at, next)
		       : next;
}

static enum smtp_in_state
si_store_body(struct smtp_in *si, const char *data, size_t len,
	      enum smtp_in_state stay)
{
	if (len > 0)
		si_seal_body(si, data, len);
	return si_data_store(si, data, len, stay);
}

/* In one piece where nothing is to be changed, and nobody looks at it. */
static enum smtp_in_state
si_content_store(struct smtp_in *si, const struct si_content *c)
{
	/* A body without the empty line before it would become part of our
	 * fields: it gets one. */
	bool split = c->header_len < c->len &&
		     !si_ends_empty(c->data, c->header_len);
	enum smtp_in_state next;

	if (c->own.len == 0 && !split && si->verdict == NULL &&
	    si->signing == NULL)
		return si_data_store(si, c->data, c->len, SMTP_IN_BODY);
	next = si_store_header(si, c);
	if (next == SMTP_IN_BODY && split)
		next = si_data_store(si, "\r\n", 2, next);
	if (next == SMTP_IN_BODY)
		next = si_store_body(si, c->data + c->header_len,
				     c->len - c->header_len, next);
	return next;
}

static enum smtp_in_state
si_header_store(struct smtp_in *si, const struct si_content *c,
		const struct buf *prefix)
{
	enum smtp_in_state next;
	size_t own_len;
	const char *own = si_content_header(c, &own_len);

	if (si_seal_judge(si, c->data, c->header_len) ||
	    si_seal_sign(si, prefix, own, own_len))
		si->calls->reserve(si->arg, SI_SEAL_MAX);
	next = si_data_store(si, prefix->data, prefix->len, SMTP_IN_BODY);
	if (next == SMTP_IN_BODY && si->client->key != NULL)
		si->calls->content(si->arg);
	return next == SMTP_IN_BODY ? si_content_store(si, c) : next;
}

/* The header is DATA[0..HEADER_LEN), what follows is body. */
static enum smtp_in_state
si_header_done(struct smtp_in *si, const char *data, size_t len,
	       size_t header_len)
{
	struct si_content c = {
		.data = data, .len = len, .header_len = header_len};
	enum smtp_in_state next;
	struct header_facts facts;
	char id[QUEUE_ID_LEN];
	struct buf prefix;

	header_facts(data, header_len, &facts);
	if (facts.received > si->conf->limits->received_fields)
		return si_data_refuse(si, SMTP_IN_NO_LOOP);

	if (!si_user_may_from(si, data, header_len))
		return si_data_refuse(si, SMTP_IN_NO_FROM);

	si->utf8_header = si->smtputf8 && utf8_has_8bit(data, header_len);
	queue_id_text(si->id, id);
	si_envelope(si, &facts, id);
	buf_init(&prefix, SI_ADDED_MAX);
	if (si_prefix(si, &facts, id, &prefix) < 0)
		next = si_data_refuse(si, SMTP_IN_NO_STORE);
	else if (si_content_own(si, &c) < 0)
		next = si_data_refuse(si, SMTP_IN_NO_HEADER);
	else
		next = si_header_store(si, &c, &prefix);
	buf_done(&c.own);
	buf_done(&prefix);
	return next;
}

/* Most headers come whole in the first piece and are never copied. */
static enum smtp_in_state
si_header_take(struct smtp_in *si, const char *piece, size_t piece_len)
{
	size_t max = (size_t)si->conf->limits->header_size, end = 0;
	enum smtp_in_state next;
	const char *data = piece;
	size_t len = piece_len;
	int whole;

	if (si->header.len > 0 || si_seal_judges(si)) {
		if (buf_append(&si->header, piece, piece_len) < 0)
			return si_data_refuse(si, SMTP_IN_NO_HEADER);
		data = si->header.data;
		len = si->header.len;
	}
	whole = header_end(data, len, &si->scanned, &end);
	if ((whole ? end : len) > max)
		return si_data_refuse(si, SMTP_IN_NO_HEADER);
	if (whole) {
		next = si_header_done(si, data, len, end);
		if (si->verdict == NULL)
			buf_done(&si->header);
		return next;
	}
	if (data == piece && buf_append(&si->header, piece, piece_len) < 0)
		return si_data_refuse(si, SMTP_IN_NO_HEADER);
	return SMTP_IN_HEADER;
}

/* --- pieces and the end ----------------------------------------------------- */

enum smtp_in_state
si_data_take(struct smtp_in *si, const char *piece, size_t len)
{
	if (si->state == SMTP_IN_REFUSED || len == 0)
		return si->state;
	if (si->size > si->conf->limits->message_size)
		return si_data_refuse(si, SMTP_IN_NO_SIZE);
	if (si->state == SMTP_IN_HEADER)
		return si_header_take(si, piece, len);
	return si_store_body(si, piece, len, si->state);
}

enum smtp_in_state
si_data_end(struct smtp_in *si)
{
	enum smtp_in_state next = si->state;

	if (next == SMTP_IN_HEADER) /* no body at all */
		next = si_header_done(si, buf_str(&si->header), si->header.len,
				      si->header.len);
	if (next == SMTP_IN_REFUSED) {
		next = si_refuse(si, si->no, SMTP_IN_READY);
		si_reset(si);
		return next;
	}
	si->paused = false;
	si->env.eight_bit = si->lines.eight_bit;
	return si_data_close(si, si_seal_end(si));
}

enum smtp_in_state
si_data_close(struct smtp_in *si, enum smtp_in_state next)
{
	if (next == SMTP_IN_JUDGE || next == SMTP_IN_SIGN)
		return next;
	if (next != SMTP_IN_COMMIT) {
		si_reset(si);
		return next;
	}
	si_seal_drop(si);
	buf_done(&si->header);
	si->draft = false; /* consumed, whatever the outcome */
	si_move(si, SMTP_IN_COMMIT);
	si->calls->commit(si->arg, &si->env);
	return SMTP_IN_COMMIT;
}

enum smtp_in_state
si_data_faults(struct smtp_in *si)
{
	int64_t max = si->conf->limits->message_size;

	if (si->state != SMTP_IN_REFUSED && si->lines.fault != LINES_OK)
		return si_data_refuse(si, si->lines.fault == LINES_TOO_LONG
						  ? SMTP_IN_NO_DATA_LONG
						  : SMTP_IN_NO_DATA_LINE);
	if (si->state == SMTP_IN_REFUSED && si->size > 2 * max + SI_PATIENCE) {
		si_refuse(si, si->no, SMTP_IN_CLOSED);
		si_reset(si);
		return SMTP_IN_CLOSED;
	}
	return si->state;
}

size_t
si_data_feed(struct smtp_in *si, const char *data, size_t len)
{
	char out[SI_PIECE_MAX];
	size_t used, out_len;
	int end;

	if (len > SI_PIECE)
		len = SI_PIECE;
	end = lines_data_feed(&si->lines, data, len, out, &used, &out_len);
	si->size += (int64_t)(si->state == SMTP_IN_REFUSED ? used : out_len);
	si_move(si, si_data_take(si, out, out_len));
	si_move(si, si_data_faults(si));
	if (end > 0) {
		si->verb = SMTP_DATA;
		si->commands++;
		if (si->state != SMTP_IN_CLOSED)
			si_move(si, si_data_end(si));
	}
	return used;
}
