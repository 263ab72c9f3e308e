/*
 * GitHub's webhooks, signed by X-Hub-Signature-256; others sign alike.
 *
 *	issues         opened, reopened; closed, deleted, transferred end it:
 *	               Upptime keeps an outage as an issue
 *	workflow_run   completed: a failure, until the same workflow of the same
 *	               branch succeeds
 *
 * Anything else is no alert, unless the source says where things are: then it is
 * read like a generic one's.
 */
#include "alert/intake_impl.h"

#include <errno.h>
#include <string.h>

static const char *
gh_repository(struct intake *in)
{
	return intake_at(in, in->doc.json, "/repository/full_name");
}

static void
gh_key(struct intake *in, struct maker *m, const char *what, const char *id)
{
	const char *key = arena_printf(in->arena, "%s/%s/%s", gh_repository(in),
				       what, id);

	m->key = clean_line(in->arena, key, strlen(key), INTAKE_KEY_MAX);
}

/* The issue's labels say what it is about, as Upptime sets them. */
static const char *
gh_issue_labels(struct intake *in, const json_t *issue)
{
	const json_t *labels = json_object_get(issue, "labels");
	const char *all = "";

	for (size_t i = 0; i < json_array_size(labels) && i < 20; i++) {
		const char *name =
			intake_get(in, json_array_get(labels, i), "name");

		all = intake_joined(in, all, ",", name);
	}
	return all;
}

static int
gh_issues(struct intake *in, const char *action)
{
	static const char *const fires[] = {"opened", "reopened", NULL};
	static const char *const ends[] = {"closed", "deleted", "transferred",
					   NULL};
	const json_t *issue = json_object_get(in->doc.json, "issue");
	const char *number = intake_get(in, issue, "number");
	struct maker m;

	if (*number == '\0')
		return intake_refuse(in, "no issue.number");
	maker_begin(&m, in);
	if (intake_is_one_of(action, ends))
		m.status = ALERT_RESOLVED;
	else if (!intake_is_one_of(action, fires))
		return -EOPNOTSUPP;
	gh_key(in, &m, "issues", number);
	maker_label(&m, "alertname", gh_repository(in));
	maker_label(&m, "labels", gh_issue_labels(in, issue));
	maker_note(&m, "summary", intake_get(in, issue, "title"));
	maker_note(&m, "description", intake_get(in, issue, "body"));
	m.starts_ms = intake_time(intake_get(in, issue, "created_at"));
	m.ends_ms = m.status == ALERT_RESOLVED
			    ? intake_time(intake_get(in, issue, "closed_at"))
			    : 0;
	maker_url(&m, intake_get(in, issue, "html_url"));
	return maker_end(&m);
}

static int
gh_run(struct intake *in, const char *action)
{
	static const char *const failed[] = {"failure", "timed_out",
					     "startup_failure", NULL};
	const json_t *run = json_object_get(in->doc.json, "workflow_run");
	const char *name = intake_get(in, run, "name");
	const char *branch = intake_get(in, run, "head_branch");
	const char *end = intake_get(in, run, "conclusion");
	const char *id = arena_printf(
		in->arena, "%s/%s", intake_get(in, run, "workflow_id"), branch);
	struct maker m;

	maker_begin(&m, in);
	if (strcmp(action, "completed") != 0)
		return -EOPNOTSUPP;
	if (strcmp(end, "success") == 0)
		m.status = ALERT_RESOLVED;
	else if (!intake_is_one_of(end, failed))
		return -EOPNOTSUPP;
	gh_key(in, &m, "workflow", id);
	maker_label(&m, "alertname", gh_repository(in));
	maker_label(&m, "workflow", name);
	maker_label(&m, "branch", branch);
	maker_note(&m, "summary",
		   arena_printf(in->arena, "%s on %s: %s", name, branch, end));
	maker_note(&m, "description", intake_get(in, run, "display_title"));
	maker_url(&m, intake_get(in, run, "html_url"));
	return maker_end(&m);
}

int
intake_github(struct intake *in)
{
	const char *event = in->req->header[INTAKE_GITHUB_EVENT];
	const char *action = intake_get(in, in->doc.json, "action");

	if (*in->source->map.title != '\0' ||
	    *in->source->map.dedup_key != '\0')
		return intake_generic(in);
	if (event == NULL)
		return intake_refuse(in, "no X-GitHub-Event");
	if (!json_is_object(in->doc.json))
		return intake_refuse(in, "no JSON object");
	if (strcmp(event, "issues") == 0)
		return gh_issues(in, action);
	if (strcmp(event, "workflow_run") == 0)
		return gh_run(in, action);
	return -EOPNOTSUPP;
}
