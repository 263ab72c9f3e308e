/*
 * Papertrail: a saved search found something. The field `payload` of a form holds
 * it as JSON, with the lines themselves or with their numbers. There is no end of
 * it: it is an alert until its time is over.
 */
#include "alert/intake_impl.h"

#include <errno.h>
#include <string.h>

#define PT_LINES 20 /* that are shown */

static const char *
pt_lines(struct intake *in, const json_t *events)
{
	size_t n = json_array_size(events);
	struct buf out;
	const char *text;

	buf_init(&out, INTAKE_TEXT_MAX);
	for (size_t i = 0; i < n && i < PT_LINES; i++) {
		const json_t *e = json_array_get(events, i);

		if (buf_printf(&out, "%s %s %s: %s\n",
			       intake_get(in, e, "display_received_at"),
			       intake_either(intake_get(in, e, "hostname"),
					     intake_get(in, e, "source_name")),
			       intake_get(in, e, "program"),
			       intake_get(in, e, "message")) < 0)
			break;
	}
	text = arena_strdup(in->arena, buf_str(&out));
	buf_done(&out);
	return text;
}

/* How many lines a host had: the sum over its minutes. */
static json_int_t
pt_sum(const json_t *counts)
{
	json_t *times = json_object_get(counts, "timeseries"), *value;
	json_int_t sum = 0;
	const char *name;

	json_object_foreach(times, name, value)
	{
		json_int_t v = json_integer_value(value);

		if (v > 0 && v < (1 << 30) && sum < ((json_int_t)1 << 50))
			sum += v;
	}
	return sum;
}

static const char *
pt_counts(struct intake *in, const json_t *counts, json_int_t *ret_sum)
{
	struct buf out;
	const char *text;

	*ret_sum = 0;
	buf_init(&out, INTAKE_TEXT_MAX);
	for (size_t i = 0; i < json_array_size(counts); i++) {
		const json_t *c = json_array_get(counts, i);
		json_int_t sum = pt_sum(c);

		*ret_sum += sum;
		if (i < PT_LINES)
			(void)buf_printf(&out, "%s: %" JSON_INTEGER_FORMAT "\n",
					 intake_get(in, c, "source_name"), sum);
	}
	text = arena_strdup(in->arena, buf_str(&out));
	buf_done(&out);
	return text;
}

static int
pt_alert(struct intake *in, const json_t *search, json_int_t n,
	 const char *lines)
{
	const char *id = intake_get(in, search, "id");
	const char *name = intake_either(intake_get(in, search, "name"), id);
	const char *key =
		arena_printf(in->arena, "search/%s", intake_either(id, name));
	struct maker m;

	if (*name == '\0')
		return intake_refuse(in, "no saved_search");
	if (n == 0)
		return -EOPNOTSUPP; /* it may be told to say so */
	maker_begin(&m, in);
	m.key = clean_line(in->arena, key, strlen(key), INTAKE_KEY_MAX);
	maker_label(&m, "alertname", name);
	maker_note(&m, "summary",
		   arena_printf(in->arena,
				"%s: %" JSON_INTEGER_FORMAT " line%s", name, n,
				n == 1 ? "" : "s"));
	maker_note(&m, "description", lines);
	maker_note(&m, "query", intake_get(in, search, "query"));
	maker_url(&m, intake_get(in, search, "html_search_url"));
	return maker_end(&m);
}

int
intake_papertrail(struct intake *in)
{
	const json_t *json = in->doc.json;
	const json_t *events = json_object_get(json, "events");
	const json_t *counts = json_object_get(json, "counts");
	const json_t *search = json_object_get(json, "saved_search");
	json_int_t sum;
	const char *lines;

	if (json_is_array(events))
		return pt_alert(in, search, (json_int_t)json_array_size(events),
				pt_lines(in, events));
	if (!json_is_array(counts))
		return intake_refuse(in, "neither events nor counts in the "
					 "field payload");
	lines = pt_counts(in, counts, &sum);
	return pt_alert(in, search, sum, lines);
}
