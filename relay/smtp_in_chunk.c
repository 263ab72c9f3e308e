#include "relay/smtp_in_chunk.h"

#include <errno.h>

#include "relay/smtp_in_data.h"
#include "relay/smtp_in_refuse.h"

/* The first chunk of a transaction: its draft, or why there is none. */
static enum smtp_in_state
si_chunk_first(struct smtp_in *si)
{
	int r;

	si->chunked = true;
	si->chunk_state = SMTP_IN_HEADER;
	si->size = 0;
	if (si->nrcpt == 0)
		return si_data_refuse(si, SMTP_IN_NO_RCPT);
	r = si_data_begin(si);
	if (r < 0)
		return si_data_refuse(si, r == -ENOSPC ? SMTP_IN_NO_FULL
						       : SMTP_IN_NO_STORE);
	return SMTP_IN_HEADER;
}

/* There is no transaction: its octets are read, and then it is refused. */
static enum smtp_in_state
si_chunk_homeless(struct smtp_in *si)
{
	si->chunk_state = si->state;
	si->size = 0;
	si->no = si->state == SMTP_IN_GREET ? SMTP_IN_NO_GREETING
					    : SMTP_IN_NO_SENDER;
	return SMTP_IN_REFUSED;
}

/* The refusal counts and is logged once, not for each chunk that follows. */
static enum smtp_in_state
si_chunk_refused(struct smtp_in *si)
{
	const struct smtp_in_refusal *row = &smtp_in_refusals[si->no];
	enum smtp_in_state next =
		si->chunked ? SMTP_IN_CHUNKS : si->chunk_state;

	if (si->chunked && si->chunk_state == SMTP_IN_REFUSED)
		si_say(si, "%d %s %s", row->code, row->dsn, row->text);
	else
		next = si_refuse(si, si->no, next);
	if (!si->chunked || next == SMTP_IN_CLOSED)
		return next;
	si->chunk_state = SMTP_IN_REFUSED;
	if (!si->chunk_last)
		return next;
	si_reset(si);
	return SMTP_IN_READY;
}

static enum smtp_in_state
si_chunk_last(struct smtp_in *si)
{
	enum smtp_in_state next = si->state;

	/* Whoever passes it on by DATA has to end the line. */
	if (lines_chunk_end(&si->lines)) {
		si->size += 2;
		si_move(si, si_data_take(si, "\r\n", 2));
	}
	si_move(si, si_data_faults(si));
	next = si->state;
	if (next == SMTP_IN_REFUSED)
		return si_chunk_refused(si);
	return si_data_end(si);
}

/* The last octet of a chunk has come. */
static enum smtp_in_state
si_chunk_done(struct smtp_in *si)
{
	if (si->state == SMTP_IN_REFUSED)
		return si_chunk_refused(si);
	if (si->chunk_last)
		return si_chunk_last(si);
	si->chunk_state = si->state;
	si_say(si, "250 2.0.0 %lld octets taken", (long long)si->chunk_len);
	return SMTP_IN_CHUNKS;
}

enum smtp_in_state
si_bdat(struct smtp_in *si, const struct smtp_command *cmd)
{
	enum smtp_in_state next;

	si->chunk_len = si->chunk_left = cmd->chunk;
	si->chunk_last = cmd->last;
	if (si->state == SMTP_IN_CHUNKS)
		next = si->chunk_state;
	else if (si->state == SMTP_IN_GREET || si->state == SMTP_IN_READY)
		next = si_chunk_homeless(si);
	else
		next = si_chunk_first(si);
	if (next != SMTP_IN_REFUSED &&
	    cmd->chunk > si->conf->limits->message_size - si->size)
		next = si_data_refuse(si, SMTP_IN_NO_SIZE);
	si_move(si, next);
	return cmd->chunk > 0 ? next : si_chunk_done(si);
}

size_t
si_chunk_feed(struct smtp_in *si, const char *data, size_t len)
{
	char out[SI_PIECE_MAX];
	size_t out_len;

	if (len > SI_PIECE)
		len = SI_PIECE;
	if ((int64_t)len > si->chunk_left)
		len = (size_t)si->chunk_left;
	out_len = lines_chunk_feed(&si->lines, data, len, out);
	si->chunk_left -= (int64_t)len;
	si->size += (int64_t)len;
	si_move(si, si_data_take(si, out, out_len));
	si_move(si, si_data_faults(si));
	if (si->chunk_left == 0 && si->state != SMTP_IN_CLOSED) {
		si->verb = SMTP_BDAT;
		si->commands++;
		si_move(si, si_chunk_done(si));
	}
	return len;
}
