/*
 * Statuspage: what a provider says of itself. Two bodies: a component changed
 * its status, or an incident has news. Neither is signed.
 *
 * Announced maintenance is no alert before it begins, and information then.
 */
#include "alert/intake_impl.h"

#include <errno.h>
#include <string.h>

static void
sp_key(struct intake *in, struct maker *m, const char *what, const char *id)
{
	const char *key = arena_printf(in->arena, "%s/%s", what, id);

	m->key = clean_line(in->arena, key, strlen(key), INTAKE_KEY_MAX);
	maker_label(m, "page", intake_at(in, in->doc.json, "/page/id"));
}

/* Of a component's status and an incident's impact alike. */
static const char *
sp_severity(const char *word)
{
	static const char *const critical[] = {"critical", "major",
					       "major_outage", NULL};
	static const char *const info[] = {"none", "maintenance",
					   "under_maintenance", NULL};

	if (intake_is_one_of(word, critical))
		return "critical";
	return intake_is_one_of(word, info) ? "info" : "warning";
}

static int
sp_component(struct intake *in, const json_t *update, const json_t *component)
{
	const char *status = intake_either(intake_get(in, update, "new_status"),
					   intake_get(in, component, "status"));
	const char *id = intake_either(intake_get(in, update, "component_id"),
				       intake_get(in, component, "id"));
	const char *name = intake_either(intake_get(in, component, "name"), id);
	int64_t when = intake_time(intake_get(in, update, "created_at"));
	struct maker m;

	if (*id == '\0' || *status == '\0')
		return intake_refuse(in, "no component_id or new_status");
	maker_begin(&m, in);
	sp_key(in, &m, "component", id);
	maker_label(&m, "alertname", name);
	maker_label(&m, "component", name);
	maker_note(&m, "summary",
		   arena_printf(in->arena, "%s: %s", name, status));
	maker_note(&m, "description", intake_get(in, component, "description"));
	if (strcmp(status, "operational") == 0) {
		m.status = ALERT_RESOLVED;
		m.ends_ms = when;
	} else {
		maker_label(&m, "severity", sp_severity(status));
		m.starts_ms = when;
	}
	return maker_end(&m);
}

/* The components' names, so that a matcher can look for one. */
static const char *
sp_components(struct intake *in, const json_t *incident)
{
	const json_t *all = json_object_get(incident, "components");
	const char *names = "";

	for (size_t i = 0; i < json_array_size(all) && i < 20; i++) {
		const char *name =
			intake_get(in, json_array_get(all, i), "name");

		names = intake_joined(in, names, ", ", name);
	}
	return names;
}

static int
sp_incident_status(struct intake *in, const char *status,
		   enum alert_status *ret)
{
	static const char *const over[] = {"resolved", "postmortem",
					   "completed", NULL};

	if (*status == '\0')
		return intake_refuse(in, "no incident.status");
	if (strcmp(status, "scheduled") == 0)
		return -EOPNOTSUPP;
	*ret = intake_is_one_of(status, over) ? ALERT_RESOLVED : ALERT_FIRING;
	return 0;
}

static int
sp_incident(struct intake *in, const json_t *incident)
{
	const char *status = intake_get(in, incident, "status");
	const char *name = intake_get(in, incident, "name");
	const char *id = intake_get(in, incident, "id");
	struct maker m;
	int r;

	maker_begin(&m, in);
	r = sp_incident_status(in, status, &m.status);
	if (r < 0)
		return r;
	if (*id == '\0')
		return intake_refuse(in, "no incident.id");
	sp_key(in, &m, "incident", id);
	maker_label(&m, "alertname", intake_either(name, id));
	maker_label(&m, "component", sp_components(in, incident));
	maker_label(&m, "severity",
		    sp_severity(intake_get(in, incident, "impact")));
	maker_note(&m, "summary",
		   arena_printf(in->arena, "%s: %s", intake_either(name, id),
				status));
	maker_note(&m, "description",
		   intake_at(in, incident, "/incident_updates/0/body"));
	m.starts_ms = intake_time(intake_get(in, incident, "created_at"));
	if (m.status == ALERT_RESOLVED)
		m.ends_ms =
			intake_time(intake_get(in, incident, "resolved_at"));
	maker_url(&m, intake_get(in, incident, "shortlink"));
	return maker_end(&m);
}

int
intake_statuspage(struct intake *in)
{
	const json_t *incident = json_object_get(in->doc.json, "incident");
	const json_t *update =
		json_object_get(in->doc.json, "component_update");

	if (json_is_object(incident))
		return sp_incident(in, incident);
	if (json_is_object(update))
		return sp_component(in, update,
				    json_object_get(in->doc.json, "component"));
	return intake_refuse(in, "neither incident nor component_update");
}
