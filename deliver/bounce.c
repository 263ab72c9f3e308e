/*
 * bounce - telling the sender what became of the message, in one DSN for all
 * recipients that something is to be said of.
 *
 *	read the original -> draft -> compose -> sign -> commit
 *
 * A DSN travels inside the transaction that removes the failed recipients, so
 * it is at most what a draft keeps in memory. An original that failed goes back
 * whole if that fits, the sender didn't ask for less and it was not refused for
 * what it holds, else its header, else the beginning of its header; with very
 * many recipients the servers' words are left out, and with more still they are
 * told in several DSNs. Never a DSN for a DSN; but one that held a whole
 * original, and was refused for that, goes once more with the header.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "deliver/deliver_impl.h"
#include "deliver/expand.h"
#include "mail/dsn.h"
#include "mail/header.h"
#include "verdict/dkim_pool.h"

#define BOUNCE_MAX ((size_t)STORE_BLOB_IN_PLACE * STORE_PAGE_MAX)
/* What our signatures on it may have. */
#define BOUNCE_SIGNED ((size_t)16 * 1024)
/* When even the header is too long for BOUNCE_MAX. */
#define BOUNCE_HEADER ((size_t)8 * 1024)

struct bounce {
	struct deliver_loop *dl; /* borrowed */
	struct tell *tell;       /* owned */
	struct routing *routing; /* a reference */
	struct expansion back;   /* to the sender; in the tell's arena */
	struct buf original;
	size_t header_len, scanned;
	bool header_whole;
	struct draft *draft; /* owned */
	struct buf report;
	struct dsn dsn;
};

static void
bounce_free(struct bounce *b)
{
	struct deliver_loop *dl = b->dl;

	must(!b->tell && !b->draft);
	routing_unref(&b->routing);
	buf_done(&b->original);
	buf_done(&b->report);
	free(b);
	dl->under_way--;
	deliver_loop_check(dl);
}

/* --- what is said ------------------------------------------------------------------ */

/* "mx.example.net[192.0.2.1]:25": the name is what a DSN wants. NULL: it went
 * to no host; a path of this one is for the log only. */
static const char *
bounce_host(const struct tell_rcpt *from, struct arena *arena)
{
	if (!from->relay || from->relay[0] == '\0' || from->relay[0] == '/' ||
	    strncmp(from->relay, "unix:", 5) == 0)
		return NULL;
	return arena_strndup(arena, from->relay, strcspn(from->relay, "["));
}

static enum dsn_action
bounce_action(enum tell_what what)
{
	switch (what) {
	case TELL_FAILED:
	case TELL_EXPIRED:
		return DSN_FAILED;
	case TELL_RELAYED:
		return DSN_RELAYED;
	case TELL_DELIVERED:
		return DSN_DELIVERED;
	case TELL_EXPANDED:
		return DSN_EXPANDED;
	case TELL_LATE:
		return DSN_DELAYED;
	}
	abort();
}

/* RFC 3464, 2.3.4: 5 or 4 for what failed, 4 for what is late, 2 for what
 * went well; whatever the last words were. */
static const char *
bounce_status(const struct tell_rcpt *from, struct arena *arena)
{
	char dsn[REPLY_DSN_MAX];

	if (from->what == TELL_EXPIRED)
		return "4.4.7";
	if (from->what == TELL_EXPANDED)
		return "2.0.0";
	if (from->what == TELL_LATE && !reply_temporary(&from->reply))
		return "4.0.0";
	return arena_strdup(arena, reply_dsn(&from->reply, dsn));
}

static const char *
bounce_failed_reason(const struct tell_rcpt *from, const char *host,
		     struct arena *arena)
{
	if (host && !from->reply.ours)
		return arena_printf(arena, "%s refused it", host);
	if (host)
		return arena_printf(arena, "it can't be sent to %s", host);
	return "it could not be delivered";
}

/* What happened, in one sentence. */
static const char *
bounce_reason(const struct bounce *b, const struct tell_rcpt *from,
	      const char *host)
{
	struct arena *arena = &b->tell->arena;
	char until[CLOCK_RFC5322_LEN];

	switch (from->what) {
	case TELL_FAILED:
		return bounce_failed_reason(from, host, arena);
	case TELL_EXPIRED:
		return "it could not be delivered in time, and will not be "
		       "tried again";
	case TELL_RELAYED:
		return arena_printf(arena,
				    "%s took it, and does not say what becomes "
				    "of it there",
				    host ? host : "the next server");
	case TELL_DELIVERED:
		return "it was delivered";
	case TELL_EXPANDED:
		return "the address stands for several others, and it goes on "
		       "to them";
	case TELL_LATE:
		clock_rfc5322(b->tell->expires_ms, until);
		return arena_printf(arena,
				    "it could not be delivered yet, and is "
				    "tried until %s",
				    until);
	}
	abort();
}

static void
bounce_recipient(struct bounce *b, const struct tell_rcpt *from,
		 struct dsn_recipient *to, bool with_words)
{
	struct arena *arena = &b->tell->arena;
	const char *host = bounce_host(from, arena);
	char line[REPLY_TEXT_MAX + 32];

	*to = (struct dsn_recipient){
		.final = from->address,
		.original = strcmp(from->original, from->address) != 0
				    ? from->original
				    : NULL,
		.orcpt = from->orcpt,
		.action = bounce_action(from->what),
		.status = bounce_status(from, arena),
		.reason = bounce_reason(b, from, host),
		.last_attempt_ms = from->last_attempt_ms,
		.remote_mta = from->reply.ours ? NULL : host,
	};
	if (from->what == TELL_LATE)
		to->retry_until_ms = b->tell->expires_ms;
	if (from->reply.code > 0 && with_words) {
		reply_line(&from->reply, line, sizeof(line));
		to->reply = arena_strdup(arena, line);
	}
}

static struct dsn
bounce_dsn(struct bounce *b)
{
	const struct tell *t = b->tell;
	const char *host = routing_hostname(b->routing);
	char id[QUEUE_ID_LEN], own_id[QUEUE_ID_LEN];
	struct arena *arena = &b->tell->arena;

	queue_id_text(t->id, id);
	queue_id_text(draft_id(b->draft), own_id);
	return (struct dsn){
		.reporting_mta = host,
		.to = t->sender,
		.message_id = arena_printf(arena, "%s@%s", own_id, host),
		.queue_id = arena_strdup(arena, id),
		.envid = t->envid,
		.original_utf8 = t->utf8_header,
		.arrival_ms = t->arrival_ms,
		.now_ms = loop_wall_ms(b->dl->loop),
	};
}

/* Was the mail refused for what it holds? A report that holds it too would be
 * refused for the same, perhaps by the same server, and the sender never know.
 * Subjects of RFC 3463 that mean it: the size (2.3, 3.4), the content (6),
 * policy (7). What a server says behind the content means it too, unless it
 * speaks of the address or the mailbox. */
bool
bounce_is_of_content(const struct reply *reply)
{
	char dsn[REPLY_DSN_MAX];
	const char *what = reply_dsn(reply, dsn) + 1;

	if (strcmp(what, ".2.3") == 0 || strcmp(what, ".3.4") == 0 ||
	    strncmp(what, ".6.", 3) == 0 || strncmp(what, ".7.", 3) == 0)
		return true;
	return reply->of_content && strncmp(what, ".1.", 3) != 0 &&
	       strncmp(what, ".2.", 3) != 0;
}

/* RFC 3461, 6.1 and 6.2: all of it only to those who may need it again, unless
 * they asked for less. */
static bool
bounce_returns_all(const struct bounce *b)
{
	const struct tell *t = b->tell;
	bool failed = false;

	for (size_t i = 0; i < t->nrcpt; i++) {
		if (bounce_action(t->rcpt[i].what) != DSN_FAILED)
			continue;
		if (bounce_is_of_content(&t->rcpt[i].reply))
			return false;
		failed = true;
	}
	return failed && t->ret != DSN_RET_HDRS &&
	       t->size <= routing_conf(b->routing)->dsn.max_size;
}

/* The end of the last whole line within MAX. */
static size_t
bounce_lines_within(const struct buf *original, size_t max)
{
	size_t len = original->len < max ? original->len : max;

	while (len > 0 && original->data[len - 1] != '\n')
		len--;
	return len;
}

struct bounce_way {
	size_t original_len;
	bool possible, whole, words;
};

static int
bounce_compose_way(struct bounce *b, struct dsn *dsn,
		   struct dsn_recipient *rcpt, const struct bounce_way *way,
		   size_t nrcpt)
{
	for (size_t i = 0; i < nrcpt; i++)
		bounce_recipient(b, &b->tell->rcpt[i], &rcpt[i], way->words);
	dsn->rcpt = rcpt;
	dsn->nrcpt = nrcpt;
	dsn->original_len = way->original_len;
	dsn->original_whole = way->whole;
	buf_clear(&b->report);
	return dsn_compose(dsn, &b->report);
}

/* From the most that can be said to the least; the first that fits is said. At
 * last fewer recipients: the rest is told in a report of its own. */
static int
bounce_compose(struct bounce *b, struct dsn *dsn)
{
	struct tell *t = b->tell;
	size_t some = bounce_lines_within(&b->original, BOUNCE_HEADER);
	const struct bounce_way way[] = {
		{b->original.len,
		 bounce_returns_all(b) && (int64_t)b->original.len == t->size,
		 true, true},
		{b->header_len, b->header_whole, false, true},
		{some, true, false, true},
		{some, true, false, false},
	};
	const size_t nways = sizeof(way) / sizeof(way[0]);
	struct dsn_recipient *rcpt =
		arena_alloc(&t->arena, t->nrcpt * sizeof(*rcpt));
	int e = -EMSGSIZE;

	dsn->original = buf_str(&b->original);
	for (size_t i = 0; i < nways && e < 0; i++)
		if (way[i].possible)
			e = bounce_compose_way(b, dsn, rcpt, &way[i], t->nrcpt);
	while (e < 0 && t->nrcpt > 1) {
		t->nrcpt = (t->nrcpt + 1) / 2;
		e = bounce_compose_way(b, dsn, rcpt, &way[nways - 1], t->nrcpt);
	}
	return e;
}

/* --- publish ---------------------------------------------------------------------------- */

static void
bounce_commit(struct bounce *b)
{
	const struct dsn *dsn = &b->dsn;
	struct tell *t = b->tell;
	struct envelope_rcpt *to =
		arena_alloc(&t->arena, b->back.n * sizeof(*to));
	struct envelope env = {
		.sender = "",
		.class = t->class,
		.flow = queue_flow("", address_domain_of(t->sender)),
		.eight_bit = utf8_has_8bit(b->report.data, b->report.len),
		/* It has a header like that itself then. */
		.smtputf8 = !utf8_is_ascii(t->sender),
		.utf8_header = !utf8_is_ascii(t->sender),
		.quotes = dsn->original_len > 0 && dsn->original_whole,
		.message_id = dsn->message_id,
		.teller = 'm',
		.nrcpt = b->back.n,
		.rcpt = to,
	};

	for (size_t i = 0; i < b->back.n; i++)
		to[i] = (struct envelope_rcpt){
			.address = b->back.v[i].address,
			.original = b->back.v[i].copy ? NULL : t->sender,
			.notify = b->back.v[i].copy ? DSN_NOTIFY_NEVER : 0,
			.copy = b->back.v[i].copy,
			.agent = b->back.v[i].route.agent,
			.dest = b->back.v[i].route.dest,
			.route = b->back.v[i].route.rule,
		};
	b->tell = NULL;
	tell_commit(&t, &b->draft, &env, NULL, NULL);
}

/* Nobody can be told: the queue logs and counts it. */
static void
bounce_nobody(struct bounce *b)
{
	tell_commit(&b->tell, NULL, NULL, NULL, NULL);
}

/* Not now. */
static void
bounce_drop(struct bounce *b)
{
	draft_abandon(&b->draft);
	tell_drop(&b->tell);
	bounce_free(b);
}

/* What can't be signed leaves as it is; what could have been is tried again. */
static void
bounce_signed(void *arg, int result, const struct buf *fields)
{
	struct bounce *b = arg;

	if (result == -EIO ||
	    (fields->len > 0 &&
	     draft_write(b->draft, fields->data, fields->len) < 0) ||
	    draft_write(b->draft, b->report.data, b->report.len) < 0) {
		bounce_drop(b);
		return;
	}
	bounce_commit(b);
	bounce_free(b);
}

static struct dkim_signing *
bounce_signing(struct bounce *b)
{
	struct dkim_keys *keys = routing_keys(b->routing);
	time_t now = (time_t)(loop_wall_ms(b->dl->loop) / 1000);
	struct dkim_signing *signing = NULL;
	size_t end = 0, scanned = 0;

	if (keys == NULL ||
	    header_end(b->report.data, b->report.len, &scanned, &end) != 1 ||
	    dkim_signing_new(keys, b->report.data, end, now, &signing) < 0)
		return NULL;
	if (signing != NULL)
		dkim_signing_body(signing, b->report.data + end,
				  b->report.len - end);
	return signing;
}

static void
bounce_say(struct bounce *b)
{
	const struct buf none = {.len = 0};
	struct dkim_signing *signing;

	if (tell_draft(b->tell, &b->draft) < 0) {
		bounce_drop(b); /* no room now */
		return;
	}
	b->dsn = bounce_dsn(b);
	if (bounce_compose(b, &b->dsn) < 0) {
		bounce_drop(b);
		return;
	}
	signing = bounce_signing(b);
	if (signing == NULL)
		bounce_signed(b, 0, &none);
	else
		dkim_signing_run(signing, BOUNCE_SIGNED, b->dl->deliver->cpu,
				 b->dl->loop, bounce_signed, b);
}

/* --- read the original ----------------------------------------------------------------- */

static void
bounce_scan_header(struct bounce *b)
{
	if (!b->header_whole)
		b->header_whole =
			header_end(buf_str(&b->original), b->original.len,
				   &b->scanned, &b->header_len) == 1;
}

static void
bounce_got(void *arg, const char *data, ssize_t len)
{
	struct bounce *b = arg;
	size_t room = b->original.max - b->original.len;
	bool more;

	/* Damaged content is reported by the queue; what could be read of it is
	 * still of use to the sender. */
	if (len > 0)
		must(buf_append(&b->original, data,
				(size_t)len < room ? (size_t)len : room) == 0);
	bounce_scan_header(b);
	/* What does not fit into a report anyway need not be read. */
	more = len > 0 && b->original.len < b->original.max &&
	       (int64_t)b->original.len < b->tell->size;
	if (more && b->header_whole &&
	    (b->tell->size > (int64_t)BOUNCE_MAX || !bounce_returns_all(b)))
		more = false;
	if (more) {
		tell_read(b->tell, bounce_got, b);
		return;
	}
	bounce_say(b);
}

/* The way back to the sender, who may be an alias here; false when there is
 * none. */
static bool
bounce_route(struct bounce *b)
{
	struct tell *t = b->tell;
	struct address to;
	const char *why;

	if (t->sender[0] == '\0' ||
	    address_parse_bare(t->sender, &t->arena, &to, &why) < 0)
		return false;
	return expand_rcpt(b->routing, "", &to, true, &t->arena, &b->back) ==
	       EXPAND_OK;
}

void
bounce_tell(struct deliver_loop *dl, struct tell *tell)
{
	struct bounce *b;

	if (bounce_again(dl, tell))
		return;
	b = xcalloc(1, sizeof(*b));
	dl->under_way++;
	b->dl = dl;
	b->tell = tell;
	b->routing = deliver_routing(dl->deliver);
	buf_init(&b->original, BOUNCE_MAX);
	buf_init(&b->report, routing_keys(b->routing) != NULL
				     ? BOUNCE_MAX - BOUNCE_SIGNED
				     : BOUNCE_MAX);
	if (bounce_route(b)) {
		tell_read(tell, bounce_got, b);
		return;
	}
	bounce_nobody(b);
	bounce_free(b);
}
