#include "relay/notify.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "queue/teller.h"
#include "relay/own_mail.h"

#define NT_TICK_MS  2000
#define NT_AGAIN_MS (INT64_C(60) * 1000)
#define NT_HOUR_MS  (INT64_C(60) * 60 * 1000)
#define NT_LINES    10
#define NT_LINE_MAX 600

struct nt_kind {
	uint64_t total, told; /* heard; of those, before the last mail */
	int64_t first_ms;
	char line[NT_LINES][NT_LINE_MAX]; /* the newest, in a ring */
	bool sent;
	int64_t sent_mono_ms;
	/* The home loop's: the mail whose commit is under way, 0 none; what
	 * TOLD is then; when to try again if it fails. */
	uint64_t mail_id, mail_told;
	int64_t again_mono_ms;
};

struct notify {
	struct relay *relay; /* borrowed */
	uint64_t handle;     /* on the home loop */
	pthread_mutex_t mutex;
	struct nt_kind kind[CONFIG_NNOTIFY]; /* under the mutex */
	struct loop_timer timer;
};

static uint64_t
nt_count(const struct nt_kind *kind)
{
	return kind->total - kind->told;
}

/* What happened, and where to read on. */
static const struct {
	const char *subject, *text;
} nt_words[CONFIG_NNOTIFY] = {
	[CONFIG_NOTIFY_DOUBLE_BOUNCE] =
		{"mail that could not be returned",
		 "Mail failed, and its sender could not be told either. What "
		 "it was and why it failed:"},
	[CONFIG_NOTIFY_PROTOCOL] =
		{"clients that break the protocol",
		 "Clients did what SMTP forbids and were refused: bare CR or "
		 "LF (line), sending before they were asked (pipelining), "
		 "another protocol (foreign). A broken program of yours is "
		 "worth mending; others may be attacks:"},
	[CONFIG_NOTIFY_STORE] =
		{"the store needs a look",
		 "The store was full, damaged or put back, or a backup failed. "
		 "`belfry status` shows how it is now:"},
};

/* --- what is gathered -------------------------------------------------------- */

static const char *
nt_field(const struct log_field *fields, const char *key)
{
	for (; fields->type != LOG_END; fields++)
		if (strcmp(fields->key, key) == 0)
			return fields->str;
	return NULL;
}

/* The kind of EVENT; -1: none. */
static int
nt_kind_of(const char *event, const struct log_field *fields)
{
	static const struct {
		const char *event, *reason;
		enum config_notify kind;
	} rows[] = {
		{"double_bounce", NULL, CONFIG_NOTIFY_DOUBLE_BOUNCE},
		{"refuse", "foreign", CONFIG_NOTIFY_PROTOCOL},
		{"refuse", "line", CONFIG_NOTIFY_PROTOCOL},
		{"refuse", "pipelining", CONFIG_NOTIFY_PROTOCOL},
		{"store_full", NULL, CONFIG_NOTIFY_STORE},
		{"store_retry", NULL, CONFIG_NOTIFY_STORE},
		{"store_restored", NULL, CONFIG_NOTIFY_STORE},
		{"backup_failed", NULL, CONFIG_NOTIFY_STORE},
		{"corrupt", NULL, CONFIG_NOTIFY_STORE},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *reason;

		if (strcmp(rows[i].event, event) != 0)
			continue;
		reason = nt_field(fields, "reason");
		if (rows[i].reason == NULL ||
		    (reason != NULL && strcmp(rows[i].reason, reason) == 0))
			return (int)rows[i].kind;
	}
	return -1;
}

/* In whatever thread logs. */
static void
nt_heard(void *arg, const char *event, const struct log_field *fields,
	 const char *line, size_t len)
{
	int k = nt_kind_of(event, fields);
	struct notify *n = arg;
	struct nt_kind *kind;
	char *to;

	if (k < 0)
		return;
	if (len >= NT_LINE_MAX)
		len = NT_LINE_MAX - 1;
	pthread_mutex_lock(&n->mutex);
	kind = &n->kind[k];
	if (kind->total == kind->told)
		kind->first_ms = clock_wall_ms(n->relay->clock);
	to = kind->line[kind->total++ % NT_LINES];
	memcpy(to, line, len);
	to[len] = '\0';
	to[strcspn(to, "\n")] = '\0';
	pthread_mutex_unlock(&n->mutex);
}

/* --- what is sent -------------------------------------------------------------- */

/* A line of a message: what is not ASCII was escaped or is another's. */
static void
nt_put_line(struct buf *mail, const char *line)
{
	for (; *line != '\0'; line++) {
		char c = *line >= ' ' && *line < 127 ? *line : '?';

		buf_append(mail, &c, 1);
	}
	buf_append_str(mail, "\r\n");
}

static void
nt_put_header(struct notify *n, enum config_notify k,
	      const struct nt_kind *kind, const struct own_mail *mail,
	      struct buf *text)
{
	const char *host = relay_config(n->relay)->hostname;
	char date[CLOCK_RFC5322_LEN], *header;

	clock_rfc5322(clock_wall_ms(n->relay->clock), date);
	header = xasprintf(
		"From: Belfry <MAILER-DAEMON@%s>\r\n"
		"To: %s\r\n"
		"Subject: Belfry at %s: %s (%llu)\r\n"
		"Date: %s\r\n"
		"Message-ID: <%s>\r\n"
		"Auto-Submitted: auto-generated\r\n"
		"MIME-Version: 1.0\r\n"
		"Content-Type: text/plain; charset=us-ascii\r\n\r\n",
		host, mail->way.v[0].address, host, nt_words[k].subject,
		(unsigned long long)nt_count(kind), date, mail->message_id);
	buf_append_str(text, header);
	free(header);
}

static void
nt_put_text(const struct nt_kind *kind, enum config_notify k, struct buf *mail)
{
	size_t count = (size_t)nt_count(kind);
	size_t shown = count < NT_LINES ? count : NT_LINES;
	char first[CLOCK_RFC3339_LEN], *text;

	clock_rfc3339(kind->first_ms, first);
	nt_put_line(mail, nt_words[k].text);
	text = xasprintf("%zu since %s; the newest:", count, first);
	buf_append_str(mail, "\r\n");
	nt_put_line(mail, text);
	free(text);
	buf_append_str(mail, "\r\n");
	for (size_t i = 0; i < shown; i++)
		nt_put_line(mail,
			    kind->line[(kind->total - shown + i) % NT_LINES]);
	buf_append_str(mail, "\r\nThe log has all of them. At most one such "
			     "mail comes in an hour; notify.postmaster in the "
			     "configuration says of what.\r\n");
}

/* Only what is on the disk was told: a mail that is lost is written anew, with
 * what came meanwhile. */
static void
nt_committed(void *object, int result, uint64_t id)
{
	struct notify *n = object;
	int64_t now = clock_mono_ms(n->relay->clock);

	for (int k = 0; k < CONFIG_NNOTIFY; k++) {
		struct nt_kind *kind = &n->kind[k];

		if (kind->mail_id != id)
			continue;
		kind->mail_id = 0;
		kind->again_mono_ms = now + NT_AGAIN_MS;
		if (result < 0)
			return;
		pthread_mutex_lock(&n->mutex);
		if (kind->told < kind->mail_told)
			kind->told = kind->mail_told;
		kind->sent = true;
		kind->sent_mono_ms = now;
		pthread_mutex_unlock(&n->mutex);
		return;
	}
}

/* To whoever is postmaster. Its end is nt_committed(); when it can't begin, the
 * next tick tries again. */
static void
nt_send(struct notify *n, enum config_notify k, const struct nt_kind *kind,
	struct arena *arena)
{
	const struct address postmaster = {"postmaster", ""};
	struct own_mail mail = {
		.relay = n->relay,
		.arena = arena,
		.to = &postmaster,
		.class = QUEUE_NORMAL,
		.flow = "notify",
		.handle = n->handle,
	};
	struct buf text;

	if (own_mail_begin(&mail) != 0)
		return;
	buf_init(&text, OWN_MAIL_MAX);
	nt_put_header(n, k, kind, &mail, &text);
	nt_put_text(kind, k, &text);
	if (own_mail_send(&mail, text.data, text.len, nt_committed) == 0) {
		n->kind[k].mail_id = mail.id;
		n->kind[k].mail_told = kind->total;
	}
	buf_done(&text);
}

static bool
nt_is_due(struct notify *n, enum config_notify k, int64_t now)
{
	const struct config *config = relay_config(n->relay);
	struct nt_kind *kind = &n->kind[k];

	if (!(config->notify.kinds & (1u << k)))
		kind->told = kind->total;
	return nt_count(kind) > 0 && kind->mail_id == 0 &&
	       now >= kind->again_mono_ms &&
	       (!kind->sent || now - kind->sent_mono_ms >= NT_HOUR_MS);
}

static void
nt_look(struct notify *n, enum config_notify k, int64_t now)
{
	struct nt_kind kind;
	struct arena arena;
	bool due;

	pthread_mutex_lock(&n->mutex);
	due = nt_is_due(n, k, now);
	kind = n->kind[k];
	pthread_mutex_unlock(&n->mutex);
	if (!due)
		return;
	arena_init(&arena);
	nt_send(n, k, &kind, &arena);
	arena_done(&arena);
}

static void
nt_tick(void *arg)
{
	struct notify *n = arg;

	for (int k = 0; k < CONFIG_NNOTIFY; k++)
		nt_look(n, (enum config_notify)k,
			clock_mono_ms(n->relay->clock));
	loop_timer_set(&n->timer, NT_TICK_MS);
}

/* --- what became of it ----------------------------------------------------------- */

/* On any loop. That it was delivered is nothing new. */
static void
nt_told(void *ctx, struct loop *loop, struct tell *tell)
{
	struct notify *n = ctx;
	char id[QUEUE_ID_LEN];

	(void)loop;
	queue_id_text(tell->id, id);
	for (size_t i = 0; i < tell->nrcpt; i++)
		log_event(&n->relay->log_root, LOG_WARNING, "notify_failed",
			  LOG_STR("id", id),
			  LOG_ADDR("to", tell->rcpt[i].shown));
	tell_commit(&tell, NULL, NULL, NULL, NULL);
}

void
notify_init(struct relay *r)
{
	struct notify *n = xcalloc(1, sizeof(*n));

	r->notify = n;
	n->relay = r;
	n->handle = loop_handle_new(relay_home(r), n);
	pthread_mutex_init(&n->mutex, NULL);
	loop_timer_init(&n->timer, relay_home(r), nt_tick, n);
	log_set_watch(r->log, nt_heard, n);
}

void
notify_start(struct relay *r)
{
	queue_set_teller(r->queue, NOTIFY_TELLER, nt_told, r->notify);
	loop_timer_set(&r->notify->timer, NT_TICK_MS);
}

uint64_t
notify_count(struct notify *n, enum config_notify kind)
{
	uint64_t total;

	pthread_mutex_lock(&n->mutex);
	total = n->kind[kind].total;
	pthread_mutex_unlock(&n->mutex);
	return total;
}

void
notify_free(struct notify **np)
{
	struct notify *n = *np;

	*np = NULL;
	if (n == NULL)
		return;
	log_set_watch(n->relay->log, NULL, NULL);
	loop_timer_done(&n->timer);
	loop_handle_free(relay_home(n->relay), n->handle);
	pthread_mutex_destroy(&n->mutex);
	free(n);
}
