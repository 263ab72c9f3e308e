/*
 * UptimeRobot: its user writes the body, as JSON or as a form, or leaves it and
 * gets the names in the URL. All values are text. The names are those of the
 * variables, or alike: letter case, "_" and "-" do not count.
 *
 * A variable that was not replaced arrives as it was written, *alertDuration*;
 * it counts as nothing.
 *
 *	alertType   1 down, 2 up, 3 the certificate expires soon
 */
#include "alert/intake_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"

/* "monitor_id" is "monitorID". */
static bool
ur_same_name(const char *a, const char *b)
{
	for (;; a++, b++) {
		while (*a == '_' || *a == '-')
			a++;
		while (*b == '_' || *b == '-')
			b++;
		if (ascii_lower(*a) != ascii_lower(*b))
			return false;
		if (*a == '\0')
			return true;
	}
}

static bool
ur_is_placeholder(const char *v)
{
	size_t len = strlen(v);

	if (len < 3 || v[0] != '*' || v[len - 1] != '*')
		return false;
	for (v++; *v != '*'; v++)
		if (ascii_lower(*v) < 'a' || ascii_lower(*v) > 'z')
			return false;
	return v[1] == '\0';
}

static const char *
ur_find(struct intake *in, const char *name)
{
	const char *key;
	json_t *value;

	json_object_foreach(in->doc.json, key, value)
	{
		if (ur_same_name(key, name))
			return doc_text(value, in->arena);
	}
	for (size_t i = 0; i < in->doc.n; i++)
		if (ur_same_name(in->doc.field[i].name, name))
			return in->doc.field[i].value;
	return NULL;
}

static const char *
ur_get(struct intake *in, const char *name)
{
	const char *v = ur_find(in, name);

	return v != NULL && !ur_is_placeholder(v) ? v : "";
}

enum ur_type { UR_DOWN = 1, UR_UP = 2, UR_CERTIFICATE = 3 };

static int
ur_type(struct intake *in, enum ur_type *ret)
{
	static const char *const names[][4] = {
		[UR_DOWN] = {"1", "down", NULL},
		[UR_UP] = {"2", "up", NULL},
		[UR_CERTIFICATE] = {"3", "ssl", "SSL expiry", NULL},
	};
	const char *type = intake_either(ur_get(in, "alertType"),
					 ur_get(in, "alertTypeFriendlyName"));

	for (enum ur_type t = UR_DOWN; t <= UR_CERTIFICATE; t++) {
		if (intake_is_one_of(type, names[t])) {
			*ret = t;
			return 0;
		}
	}
	if (*type == '\0')
		return intake_refuse(in, "no alertType: what is posted must "
					 "have *alertType* and *monitorID*");
	return -EOPNOTSUPP; /* one of their later kinds */
}

static void
ur_summary(struct intake *in, struct maker *m, enum ur_type type,
	   const char *name)
{
	const char *days = ur_get(in, "sslExpiryDaysLeft");
	const char *text;

	if (type == UR_CERTIFICATE && *days != '\0')
		text = arena_printf(in->arena,
				    "%s: the certificate expires in %s days",
				    name, days);
	else if (type == UR_CERTIFICATE)
		text = arena_printf(in->arena,
				    "%s: the certificate expires soon", name);
	else
		text = arena_printf(in->arena, "%s is %s", name,
				    type == UR_UP ? "up" : "down");
	maker_note(m, "summary", text);
}

static int
ur_alert(struct intake *in, enum ur_type type, const char *name, const char *id)
{
	const char *url = ur_get(in, "monitorURL");
	int64_t when = intake_time(ur_get(in, "alertDateTime"));
	struct maker m;

	maker_begin(&m, in);
	id = arena_printf(in->arena, "%s%s", id,
			  type == UR_CERTIFICATE ? "/certificate" : "");
	m.key = clean_line(in->arena, id, strlen(id), INTAKE_KEY_MAX);
	maker_label(&m, "alertname", name);
	maker_label(&m, "instance", url);
	maker_label(&m, "severity",
		    type == UR_CERTIFICATE ? "warning" : "critical");
	ur_summary(in, &m, type, name);
	maker_note(&m, "description", ur_get(in, "alertDetails"));
	if (type == UR_UP) {
		m.status = ALERT_RESOLVED;
		m.ends_ms = when;
	} else {
		m.starts_ms = when;
	}
	maker_url(&m, url);
	return maker_end(&m);
}

int
intake_uptimerobot(struct intake *in)
{
	const char *url = ur_get(in, "monitorURL");
	const char *name =
		intake_either(ur_get(in, "monitorFriendlyName"), url);
	const char *id = intake_either(ur_get(in, "monitorID"),
				       intake_either(url, name));
	enum ur_type type = UR_DOWN;
	int r = ur_type(in, &type);

	if (r < 0)
		return r;
	if (*id == '\0')
		return intake_refuse(in, "nothing says which monitor it is: "
					 "no monitorID, monitorURL or "
					 "monitorFriendlyName");
	return ur_alert(in, type, intake_either(name, id), id);
}
