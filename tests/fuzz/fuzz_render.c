/*
 * Any bytes as what a notice holds: the first says of which kind it is, the
 * others are texts, a NUL between them. A mail keeps its form and makes no field
 * of them; what goes to the other channels is what they read.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "alert/render.h"
#include "base/must.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

#define TEXTS 10
#define NOW   INT64_C(1795354800000)

static struct render *
render_get(void)
{
	static struct render *render;
	const struct render_conf conf = {.hostname = "relay1.example.org",
					 .from = "",
					 .url = "https://belfry.example.org",
					 .reply = "example.org",
					 .templates = ""};
	const struct conf_mark mark = {.file = "fuzz", .line = 1, .column = 1};
	struct conf_errors e;

	if (render != NULL)
		return render;
	conf_errors_init(&e);
	must(render_new(&conf, &mark, &e, &render) == 0);
	conf_errors_done(&e);
	return render;
}

/* Lines of 7 bits that end in CRLF, of at most 998 octets. */
static void
check_lines(const struct buf *mail)
{
	const char *s = buf_str(mail);

	must(strlen(s) == mail->len && mail->len <= RENDER_MAIL_MAX);
	for (; *s != '\0'; s += 2) {
		size_t n = strcspn(s, "\r\n");

		must(n <= 998 && s[n] == '\r' && s[n + 1] == '\n');
		for (size_t i = 0; i < n; i++)
			must((unsigned char)s[i] < 0x7f &&
			     (s[i] >= ' ' || s[i] == '\t'));
		s += n;
	}
}

/* No field but those that a mail of ours has. */
static void
check_fields(const struct buf *mail)
{
	static const char known[] =
		" From To Subject Date Message-ID In-Reply-To References "
		"Reply-To Auto-Submitted X-Auto-Response-Suppress List-Id "
		"Importance X-Incident X-Alert-Status X-Alert-Kind "
		"X-Alert-Severity MIME-Version Content-Type ";
	const char *s = buf_str(mail), *end = strstr(s, "\r\n\r\n");

	must(end != NULL);
	for (; s < end; s = strstr(s, "\r\n") + 2) {
		size_t n = strcspn(s, ":");
		char name[64];

		if (*s == ' ' || *s == '\t')
			continue;
		must(n > 0 && n < sizeof(name) - 3);
		snprintf(name, sizeof(name), " %.*s ", (int)n, s);
		must(strstr(known, name) != NULL);
	}
}

static void
check_mail(const struct render_notice *n)
{
	struct buf out;

	buf_init(&out, RENDER_MAIL_MAX);
	must(render_mail(render_get(), n, "anna@example.org", &out) == 0);
	check_lines(&out);
	check_fields(&out);
	buf_done(&out);
}

static void
check_channel(enum channel channel, const struct render_notice *n)
{
	const char *body;
	struct buf out;
	json_t *json;

	buf_init(&out, RENDER_BODY_MAX + 10000);
	must(render_body(render_get(), channel, "x", n, &out) == 0);
	must(strlen(buf_str(&out)) == out.len && utf8_is_valid(buf_str(&out)));
	body = strstr(buf_str(&out), "\r\n\r\n");
	must(body != NULL);
	json = json_loads(body + 4, JSON_REJECT_DUPLICATES, NULL);
	must(json != NULL || channel == CHANNEL_NTFY);
	must(channel != CHANNEL_NTFY || strlen(body + 4) <= 4096);
	must(channel != CHANNEL_TEAMS || strlen(body + 4) < 28 * 1024);
	json_decref(json);
	buf_done(&out);
}

/* A byte of DATA, or 0. */
static unsigned
pick(const unsigned char *data, size_t len, size_t at)
{
	return at < len ? data[at] : 0;
}

static void
check_notice(const unsigned char *data, size_t len, const char *const t[TEXTS])
{
	struct label labels[] = {
		{"alertname", t[0]}, {"instance", t[1]}, {"severity", t[2]}};
	struct label notes[] = {{"description", t[3]},
				{"runbook_url", t[4]},
				{"summary", t[5]}};
	const struct labels l = {3, labels}, a = {3, notes}, none = {0};
	const struct render_alert alerts[] = {
		{.labels = &l,
		 .annotations = &a,
		 .url = t[4],
		 .state = (enum incident_state)(pick(data, len, 1) % 3),
		 .starts_ms = NOW - 1000 * (int64_t)pick(data, len, 2),
		 .is_new = pick(data, len, 3) & 1,
		 .critical = pick(data, len, 3) & 2,
		 .flapping = pick(data, len, 3) & 4,
		 .acked_by = t[6]},
		{.labels = &none, .annotations = &a}};
	const struct render_notice n = {
		.kind = (enum notice_kind)(pick(data, len, 0) % NOTICE_NKIND),
		.group_subject = t[7],
		.group_labels = &l,
		.receiver = t[8],
		.route = t[9],
		.person = t[6],
		.nfiring = pick(data, len, 4),
		.n = pick(data, len, 3) % 3,
		.v = alerts,
		.now_ms = NOW,
		.since_ms = NOW - 60000,
		.ack_url = t[4],
		.reply_token = t[1],
		.message_id = t[2],
		.root_id = pick(data, len, 3) & 8 ? t[1] : NULL,
		.key = t[0],
		.mark = t[3],
		.time_zone = "Europe/Berlin",
		.who = t[6],
		.note = t[3],
		.critical = pick(data, len, 3) & 16};

	check_mail(&n);
	for (int c = CHANNEL_SLACK; c < CHANNEL_NCHANNEL; c++)
		check_channel((enum channel)c, &n);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	const char *texts[TEXTS];
	struct arena arena;
	const char *at;
	char *copy;

	if (len > 16384)
		return 0;
	arena_init(&arena);
	copy = arena_strndup(&arena, (const char *)data, len);
	at = copy + (len < 5 ? len : 5);
	for (size_t i = 0; i < TEXTS; i++) {
		texts[i] = at;
		at += strlen(at);
		at += at < copy + len;
	}
	check_notice(data, len, texts);
	arena_done(&arena);
	return 0;
}
