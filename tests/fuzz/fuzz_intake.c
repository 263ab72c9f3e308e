/*
 * All adapters of the alert intake: the first octet says which source, the second
 * which fields the request has; whatever is posted, what comes out is UTF-8 and
 * within its limits, and signed by nobody who does not know the secret.
 */
#include "alert/intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/utf8.h"
#include "base/xalloc.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void
check_labels(const struct labels *l)
{
	must(l->n <= LABELS_MAX);
	for (size_t i = 0; i < l->n; i++) {
		must(label_name_is_valid(l->v[i].name));
		must(*l->v[i].value != '\0');
		must(utf8_is_valid(l->v[i].value));
	}
}

static size_t
sum_values(const struct labels *l)
{
	size_t sum = 0;

	for (size_t i = 0; i < l->n; i++)
		sum += strlen(l->v[i].value);
	return sum;
}

static void
check_alert(const struct alert *a, enum source_kind kind)
{
	const char *summary = labels_get(&a->annotations, "summary");

	must(a->labels.n > 0);
	must(kind == SOURCE_ALERTMANAGER ||
	     labels_get(&a->labels, "alertname") != NULL);
	check_labels(&a->labels);
	check_labels(&a->annotations);
	must(sum_values(&a->labels) <= LABELS_BYTES_MAX);
	must(sum_values(&a->annotations) <= ALERT_ANNOTATIONS_MAX);
	must(a->key == NULL || (*a->key != '\0' && utf8_is_valid(a->key) &&
				strlen(a->key) <= 512));
	must(strlen(a->url) <= ALERT_URL_MAX && utf8_is_valid(a->url));
	must(summary == NULL || strchr(summary, '\n') == NULL);
	must(a->starts_ms >= 0 && a->ends_ms >= 0);
}

static const struct source_label source_labels[] = {
	{"host", "/host"}, {"alertname", "/labels/name"}};

static const char *const resolved[] = {"ok"};

static void
set_fields(struct intake_request *req, unsigned char how)
{
	static const char *const types[] = {
		NULL,
		"application/json",
		"application/x-www-form-urlencoded",
		"multipart/form-data; boundary=x",
	};
	static const char *const resources[] = {NULL, "issue", "event_alert",
						"metric_alert"};
	static const char *const events[] = {NULL, "issues", "workflow_run",
					     "ping"};
	static const char signature[] = "00000000000000000000000000000000"
					"00000000000000000000000000000000";

	req->header[INTAKE_CONTENT_TYPE] = types[how & 3];
	req->header[INTAKE_SENTRY_RESOURCE] = resources[how >> 2 & 3];
	req->header[INTAKE_GITHUB_EVENT] = events[how >> 2 & 3];
	req->postable = (how & 0x10) != 0;
	if ((how & 0x20) != 0)
		req->header[INTAKE_SENTRY_SIGNATURE] = signature;
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct rules_source source = {.name = "source"};
	struct intake_request req = {.now_ms = 1795234200000};
	struct secret *secret = NULL;
	struct alert_batch batch;
	char *why = NULL;
	int r;

	if (size < 2)
		return 0;
	source.kind = data[0] % SOURCE_NKIND;
	source.map =
		(struct source_map){"", "", "", "", "", "", 0, NULL, 0, NULL};
	if ((data[1] & 0x40) != 0)
		source.map = (struct source_map){
			"/job", "/a/0/b", "/text",       "/state", "/s",
			"/url", 2,        source_labels, 1,        resolved};
	if ((data[1] & 0x80) != 0)
		secret = secret_new("secret", 6);
	set_fields(&req, data[1]);
	req.body = (const char *)data + 2;
	req.body_len = size - 2;
	r = intake_read(&source, &req, secret, &batch, &why);
	must(r == 0 || r == -EACCES || r == -EINVAL || r == -EOPNOTSUPP);
	must((r == -EINVAL) == (why != NULL));
	must(why == NULL || utf8_is_valid(why));
	must(batch.n == 0 || r == 0 || r == -EINVAL);
	must(batch.n <= ALERT_BATCH_MAX);
	for (size_t i = 0; i < batch.n; i++)
		check_alert(&batch.v[i], source.kind);
	free(why);
	alert_batch_done(&batch);
	secret_free(&secret);
	return 0;
}
