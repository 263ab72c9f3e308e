#include "alert/intake.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "alert/intake_impl.h"
#include "base/ascii.h"
#include "base/clock.h"
#include "base/xalloc.h"

#define YEAR_TWO_MS INT64_C(-62104060800000) /* 0002-01-01T00:00:00Z */

const char *const intake_header_names[INTAKE_NHEADER] = {
	[INTAKE_CONTENT_TYPE] = "Content-Type",
	[INTAKE_GITHUB_EVENT] = "X-GitHub-Event",
	[INTAKE_HUB_SIGNATURE] = "X-Hub-Signature-256",
	[INTAKE_SENTRY_RESOURCE] = "Sentry-Hook-Resource",
	[INTAKE_SENTRY_SIGNATURE] = "Sentry-Hook-Signature",
};

/* --- an alert ------------------------------------------------------------------- */

void
maker_begin(struct maker *m, struct intake *in)
{
	m->in = in;
	labels_builder_init(&m->labels, in->arena);
	m->labels.most = LABELS_TOLD_MAX;
	labels_builder_init(&m->annotations, in->arena);
	m->key = NULL;
	m->status = ALERT_FIRING;
	m->starts_ms = m->ends_ms = 0;
	m->url = "";
}

/* What is one too many is left out: nobody is told less for it. */
static void
maker_set(struct labels_builder *b, struct intake *in, const char *name,
	  const char *value)
{
	if (*value != '\0')
		(void)labels_set(
			b, intake_name(in->arena, name, LABEL_NAME_MAX), value);
}

void
maker_label(struct maker *m, const char *name, const char *value)
{
	if (value != NULL)
		maker_set(&m->labels, m->in, name,
			  clean_line(m->in->arena, value, strlen(value),
				     INTAKE_LABEL_MAX));
}

void
maker_note(struct maker *m, const char *name, const char *value)
{
	struct arena *a = m->in->arena;
	size_t len;

	if (value == NULL)
		return;
	len = strlen(value);
	maker_set(&m->annotations, m->in, name,
		  strcmp(name, "summary") == 0
			  ? clean_line(a, value, len, INTAKE_SUMMARY_MAX)
			  : clean_text(a, value, len, INTAKE_TEXT_MAX));
}

int
maker_exact_label(struct maker *m, const char *name, const char *value)
{
	return labels_set(&m->labels, name, value);
}

void
maker_url(struct maker *m, const char *url)
{
	m->url = intake_url(m->in->arena, url, ALERT_URL_MAX);
}

bool
maker_has_label(const struct maker *m, const char *name)
{
	for (size_t i = 0; i < m->labels.n; i++)
		if (strcmp(m->labels.v[i].name, name) == 0)
			return true;
	return false;
}

/* What Alertmanager knows has the labels that it has there. */
static void
maker_name(struct maker *m)
{
	const struct rules_source *source = m->in->source;

	if (source->kind == SOURCE_ALERTMANAGER)
		return;
	if (!maker_has_label(m, "alertname")) /* it would have no title */
		maker_label(m, "alertname", source->name);
	if (!maker_has_label(m, "source"))
		maker_label(m, "source", source->name);
}

/* What is known by its labels is so by all of them, before they were cut. */
static const char *
maker_key(const struct maker *m, const struct labels *labels, uint64_t print)
{
	if (m->key != NULL && *m->key != '\0')
		return m->key;
	if (labels_fingerprint(labels) == print)
		return NULL;
	return arena_printf(m->in->arena, "%016" PRIx64, print);
}

int
maker_end(struct maker *m)
{
	struct intake *in = m->in;
	struct labels labels;
	struct alert *alert;
	uint64_t print;

	maker_name(m);
	print = labels_finish_cut(&m->labels, &labels);
	if (labels.n == 0)
		return intake_refuse(in, "an alert without labels");
	alert = alert_batch_add(in->batch);
	if (alert == NULL)
		return intake_refuse(in, "more than %d alerts",
				     ALERT_BATCH_MAX);
	alert->source = in->source->name;
	alert->key = maker_key(m, &labels, print);
	alert->status = m->status;
	alert->labels = labels;
	labels_finish_annotations(&m->annotations, &alert->annotations);
	alert->starts_ms = m->starts_ms;
	alert->ends_ms = m->ends_ms;
	alert->url = m->url;
	alert_trim(alert, in->arena);
	return 0;
}

/* --- looking into a document ----------------------------------------------------- */

int
intake_refuse(struct intake *in, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	in->why = clean_line(in->arena, text, strlen(text), sizeof(text));
	return -EINVAL;
}

const char *
intake_get(struct intake *in, const json_t *json, const char *name)
{
	const char *text = doc_member(json, name, in->arena);

	return text != NULL ? text : "";
}

const char *
intake_at(struct intake *in, const json_t *json, const char *pointer)
{
	const char *text = doc_text(doc_pointer(json, pointer), in->arena);

	return text != NULL ? text : "";
}

int64_t
intake_time_of(int64_t wall_ms)
{
	if (wall_ms < YEAR_TWO_MS)
		return 0;
	return wall_ms > 0 ? wall_ms : 1;
}

int64_t
intake_time(const char *text)
{
	int64_t ms;
	char *end;
	double s;

	if (clock_rfc3339_parse(text, &ms) == 0)
		return intake_time_of(ms);
	if (*text < '0' || *text > '9')
		return 0;
	s = strtod(text, &end);
	return *end == '\0' && s > 0 && s < 1e11 ? (int64_t)(s * 1000) : 0;
}

const char *
intake_either(const char *a, const char *b)
{
	return *a != '\0' ? a : b;
}

const char *
intake_joined(struct intake *in, const char *list, const char *between,
	      const char *one)
{
	if (*list == '\0' || *one == '\0')
		return intake_either(list, one);
	return arena_printf(in->arena, "%.*s%s%.*s", INTAKE_LABEL_MAX, list,
			    between, INTAKE_LABEL_MAX, one);
}

bool
intake_is_one_of(const char *text, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcasecmp(text, *words) == 0)
			return true;
	return false;
}

bool
intake_is_signed(const struct intake_request *req, const struct secret *secret,
		 const char *signature)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char mac[EVP_MAX_MD_SIZE];
	char hex[2 * 32 + 1] = "", given[2 * 32 + 1];
	unsigned len = 0;

	if (strlen(signature) != sizeof(given) - 1 ||
	    HMAC(EVP_sha256(), secret->bytes, (int)secret->len,
		 (const unsigned char *)req->body, req->body_len, mac,
		 &len) == NULL)
		return false;
	for (size_t i = 0; i < sizeof(given) - 1; i++)
		given[i] = ascii_lower(signature[i]);
	for (unsigned i = 0; i < len; i++) {
		hex[2 * i] = digits[mac[i] >> 4];
		hex[2 * i + 1] = digits[mac[i] & 15];
	}
	return CRYPTO_memcmp(hex, given, sizeof(given) - 1) == 0;
}

/* --- the face -------------------------------------------------------------------- */

static const struct {
	intake_fn *fn;
	enum intake_header signature; /* INTAKE_NHEADER: nobody signs */
	const char *before;           /* the signature, in its field */
} intake_kinds[SOURCE_NKIND] = {
	[SOURCE_ALERTMANAGER] = {intake_alertmanager, INTAKE_NHEADER, ""},
	[SOURCE_GRAFANA] = {intake_alertmanager, INTAKE_NHEADER, ""},
	[SOURCE_SENTRY] = {intake_sentry, INTAKE_SENTRY_SIGNATURE, ""},
	[SOURCE_UPTIMEROBOT] = {intake_uptimerobot, INTAKE_NHEADER, ""},
	[SOURCE_UPTIMEKUMA] = {intake_uptimekuma, INTAKE_NHEADER, ""},
	[SOURCE_STATUSPAGE] = {intake_statuspage, INTAKE_NHEADER, ""},
	[SOURCE_PAPERTRAIL] = {intake_papertrail, INTAKE_NHEADER, ""},
	[SOURCE_GITHUB] = {intake_github, INTAKE_HUB_SIGNATURE, "sha256="},
	[SOURCE_CLI] = {intake_cli, INTAKE_NHEADER, ""},
	[SOURCE_GENERIC] = {intake_generic, INTAKE_HUB_SIGNATURE, "sha256="},
};

/* Sentry's old plugin does not sign; it may come by the token. */
static bool
intake_may(const struct rules_source *source, const struct intake_request *req,
	   const struct secret *secret)
{
	enum intake_header at = intake_kinds[source->kind].signature;
	const char *before = intake_kinds[source->kind].before, *given;

	if (secret == NULL || at == INTAKE_NHEADER)
		return true;
	given = req->header[at];
	if (given == NULL)
		return source->kind == SOURCE_SENTRY && req->by_token;
	return strncmp(given, before, strlen(before)) == 0 &&
	       intake_is_signed(req, secret, given + strlen(before));
}

/* A signature is of the body alone. */
static int
intake_run(struct intake *in, intake_fn *fn, bool is_signed, char **ret_why)
{
	const struct intake_request *req = in->req;
	const struct doc_source from = {
		.content_type = req->header[INTAKE_CONTENT_TYPE],
		.body = req->body,
		.body_len = req->body_len,
		.nquery = is_signed ? 0 : req->nquery,
		.query = req->query,
	};
	int r = doc_read(&from, in->arena, &in->doc, &in->why);

	if (r == 0)
		r = fn(in);
	if (r == -EINVAL)
		*ret_why = xstrdup(in->why);
	doc_done(&in->doc);
	return r;
}

int
intake_read(const struct rules_source *source, const struct intake_request *req,
	    const struct secret *secret, struct alert_batch *ret,
	    char **ret_why)
{
	struct intake in = {.source = source, .req = req, .batch = ret};
	intake_fn *fn;

	alert_batch_init(ret);
	in.arena = &ret->arena;
	fn = intake_kinds[source->kind].fn;
	if (fn == NULL ||
	    (req->postable && source->kind != SOURCE_ALERTMANAGER)) {
		*ret_why = xasprintf("that can't be posted to a source of the "
				     "kind %s",
				     source_kind_names[source->kind]);
		return -EINVAL;
	}
	if (req->postable)
		fn = intake_postable;
	if (!intake_may(source, req, secret))
		return -EACCES;
	return intake_run(&in, fn, secret != NULL, ret_why);
}

int
intake_prometheus(const struct rules_source *source, const char *body,
		  size_t len, int64_t now_ms, struct alert_batch *ret,
		  char **ret_why)
{
	const struct intake_request req = {
		.postable = true,
		.body = body,
		.body_len = len,
		.now_ms = now_ms,
	};

	return intake_read(source, &req, NULL, ret, ret_why);
}
