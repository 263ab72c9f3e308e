/* Alertmanager's receivers: mail, Slack, webhooks, PagerDuty. */
#include <string.h>
#include <strings.h>

#include "cli/import_alertmanager.h"
#include "mail/address.h"
#include "mail/mailboxes.h"

/* The file of a secret that stands in the configuration, or has none. */
static const char *
im_secret_file(struct import_am *ia, const char *receiver, const char *what,
	       size_t at)
{
	char *name =
		arena_printf(ia->im.arena, "%s-%s-%zu", what, receiver, at + 1);
	const char *path;

	for (char *c = name; *c != '\0'; c++)
		if (strchr("abcdefghijklmnopqrstuvwxyz0123456789-"
			   "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
			   *c) == NULL)
			*c = '-';
	path = arena_printf(ia->im.arena, "/etc/belfry/%s", name);
	import_put(&ia->im.secrets,
		   "#     install -o root -g belfry -m 0640 /dev/stdin %s\n",
		   path);
	return path;
}

/* The file that KEY_file of NODE, else of the global section, names; one of our
 * own where KEY has the secret itself; NULL: neither. */
static const char *
im_secret(struct import_am *ia, yaml_node_t *node, const char *key,
	  const char *global, const char *receiver, const char *what, size_t at)
{
	struct am_yaml *y = &ia->yaml;
	struct arena *arena = ia->im.arena;
	const char *file =
		am_get_text(y, node, arena_printf(arena, "%s_file", key));

	if (file == NULL && am_get_text(y, node, key) != NULL)
		return im_secret_file(ia, receiver, what, at);
	if (file == NULL && global != NULL)
		file = am_get_text(y, ia->global,
				   arena_printf(arena, "%s_file", global));
	if (file == NULL && global != NULL &&
	    am_get_text(y, ia->global, global) != NULL)
		return im_secret_file(ia, receiver, what, at);
	return file;
}

/* Texts that are templates there, and ours here. */
static void
im_texts(struct import_am *ia, yaml_node_t *config, const char *const *keys)
{
	for (; *keys != NULL; keys++) {
		yaml_node_t *value = am_get(&ia->yaml, config, *keys);

		if (value != NULL)
			import_am_note(ia, value, *keys,
				       "templates of Go are not read; see "
				       "`templates` of `alerts` for ours");
	}
}

/* What the entries of a list so far lead to. */
struct im_seen {
	const char **v; /* room for all of the list */
	size_t n;
};

static struct im_seen
im_seen(struct import_am *ia, yaml_node_t *list)
{
	size_t n = 0;

	while (am_item(&ia->yaml, list, n) != NULL)
		n++;
	return (struct im_seen){
		arena_alloc(ia->im.arena, (n + 1) * sizeof(const char *)), 0};
}

/* The entry that was written last, of CHANNEL, leads to TO. Where another of the
 * receiver does, too, only a name tells them apart here. */
static void
im_tell_apart(struct import_am *ia, struct im_seen *seen, const char *channel,
	      const char *to)
{
	size_t at = 0;

	while (at < seen->n && strcmp(seen->v[at], to) != 0)
		at++;
	if (at < seen->n)
		import_am_put(ia, 5, "name: %s-%zu", channel, seen->n + 1);
	seen->v[seen->n++] = to;
}

/* --- mail ---------------------------------------------------------------------------- */

/* The addresses of TO behind those in OUT. */
static void
im_addresses(struct import_am *ia, const yaml_node_t *to, struct buf *out)
{
	const char *text = am_text(to), *why = NULL;
	struct mailboxes m;
	struct mailbox box;
	struct address a;
	int r;

	mailboxes_init(&m, text, strlen(text));
	while ((r = mailboxes_next(&m, ia->im.arena, &box, &why)) > 0) {
		if (address_parse(box.text, ia->im.arena, &a, &why) < 0 ||
		    a.domain[0] == '\0')
			break;
		import_put(out, "%s%s", out->len > 0 ? ", " : "",
			   import_am_quote(ia, box.text));
	}
	if (r != 0)
		import_am_note(ia, to, "to", "`%s` is no list of addresses",
			       text);
}

static void
im_mail(struct import_am *ia, yaml_node_t *list)
{
	static const char *const known[] = {"to",
					    "from",
					    "send_resolved",
					    "html",
					    "text",
					    "headers",
					    "smarthost",
					    "hello",
					    "auth_username",
					    "auth_password",
					    "auth_password_file",
					    "auth_secret",
					    "auth_identity",
					    "require_tls",
					    "tls_config",
					    NULL};
	static const char *const texts[] = {"html", "text", "headers", NULL};
	yaml_node_t *config, *to;
	struct buf out;

	buf_init(&out, IMPORT_TEXT_MAX);
	for (size_t i = 0;
	     (config = import_am_entry(ia, list, i, "email_configs")) != NULL;
	     i++) {
		import_am_unknown(ia, config, known);
		im_texts(ia, config, texts);
		to = am_get(&ia->yaml, config, "to");
		if (am_text(to) != NULL)
			im_addresses(ia, to, &out);
		to = am_get(&ia->yaml, config, "smarthost");
		if (to != NULL)
			import_am_note(ia, to, "smarthost",
				       "mail of alerts leaves as all mail "
				       "does: see `delivery`");
		to = am_get(&ia->yaml, config, "from");
		if (to != NULL)
			import_am_note(ia, to, "from",
				       "there is one `from` for all alerts");
	}
	if (out.len > 0)
		import_am_put(ia, 3, "mail: [%s]", buf_str(&out));
	buf_done(&out);
}

/* --- slack, pagerduty ---------------------------------------------------------------- */

static void
im_slack(struct import_am *ia, yaml_node_t *list, const char *receiver)
{
	static const char *const known[] = {"api_url",
					    "api_url_file",
					    "send_resolved",
					    "channel",
					    "username",
					    "title",
					    "text",
					    "color",
					    "fallback",
					    "pretext",
					    "title_link",
					    "fields",
					    "short_fields",
					    "footer",
					    "actions",
					    "icon_emoji",
					    "icon_url",
					    "image_url",
					    "thumb_url",
					    "mrkdwn_in",
					    "callback_id",
					    "link_names",
					    NULL};
	static const char *const texts[] = {"title",      "text",     "pretext",
					    "title_link", "fallback", "fields",
					    "footer",     "actions",  NULL};
	struct im_seen seen = im_seen(ia, list);
	yaml_node_t *config, *channel;

	if (am_item(&ia->yaml, list, 0) != NULL)
		import_am_put(ia, 3, "slack:");
	for (size_t i = 0;
	     (config = import_am_entry(ia, list, i, "slack_configs")) != NULL;
	     i++) {
		const char *file =
			im_secret(ia, config, "api_url", "slack_api_url",
				  receiver, "slack", i);

		import_am_unknown(ia, config, known);
		im_texts(ia, config, texts);
		if (file == NULL)
			file = im_secret_file(ia, receiver, "slack", i);
		import_am_put(ia, 4, "- url_file: %s",
			      import_am_quote(ia, file));
		im_tell_apart(ia, &seen, "slack", file);
		channel = am_get(&ia->yaml, config, "channel");
		if (am_text(channel) != NULL)
			import_am_note(ia, channel, "channel",
				       "the webhook's own is taken, be it %s "
				       "or not",
				       am_text(channel));
	}
}

static void
im_pagerduty(struct import_am *ia, yaml_node_t *list, const char *receiver)
{
	static const char *const known[] = {"routing_key", "routing_key_file",
					    "url",         "send_resolved",
					    "description", "severity",
					    "class",       "component",
					    "group",       "details",
					    "client",      "client_url",
					    "images",      "links",
					    "service_key", "service_key_file",
					    NULL};
	static const char *const texts[] = {"description", "details", "images",
					    "links", NULL};
	struct im_seen seen = im_seen(ia, list);
	yaml_node_t *config;
	const char *url;

	if (am_item(&ia->yaml, list, 0) != NULL)
		import_am_put(ia, 3, "pagerduty:");
	for (size_t i = 0;
	     (config = import_am_entry(ia, list, i, "pagerduty_configs")) !=
	     NULL;
	     i++) {
		const char *file = im_secret(ia, config, "routing_key", NULL,
					     receiver, "pagerduty", i);

		import_am_unknown(ia, config, known);
		im_texts(ia, config, texts);
		if (file == NULL) {
			import_am_note(ia, config, "service_key",
				       "is of PagerDuty's old interface: make "
				       "an integration for events of version "
				       "2");
			file = im_secret_file(ia, receiver, "pagerduty", i);
		}
		import_am_put(ia, 4, "- routing_key_file: %s",
			      import_am_quote(ia, file));
		im_tell_apart(ia, &seen, "pagerduty", file);
		url = am_get_text(&ia->yaml, config, "url");
		if (url == NULL)
			url = am_get_text(&ia->yaml, ia->global,
					  "pagerduty_url");
		if (url != NULL)
			import_am_put(ia, 5, "url: %s",
				      import_am_quote(ia, url));
	}
}

/* --- webhook ------------------------------------------------------------------------- */

/* How it says who it is. */
static void
im_http(struct import_am *ia, yaml_node_t *http, const char *receiver,
	size_t at)
{
	static const char *const known[] = {"authorization",
					    "bearer_token",
					    "bearer_token_file",
					    "follow_redirects",
					    "enable_http2",
					    "tls_config",
					    NULL};
	static const char *const known_tls[] = {"ca_file", NULL};
	yaml_node_t *tls = am_get(&ia->yaml, http, "tls_config");
	const char *ca = am_get_text(&ia->yaml, tls, "ca_file");
	yaml_node_t *auth = am_get(&ia->yaml, http, "authorization");
	const char *file, *type = am_get_text(&ia->yaml, auth, "type");

	import_am_unknown(ia, http, known);
	import_am_unknown(ia, tls, known_tls);
	if (ca != NULL)
		import_am_put(ia, 5, "ca_file: %s", import_am_quote(ia, ca));
	file = auth != NULL ? im_secret(ia, auth, "credentials", NULL, receiver,
					"token", at)
			    : im_secret(ia, http, "bearer_token", NULL,
					receiver, "token", at);
	if (file != NULL)
		import_am_put(ia, 5, "token_file: %s",
			      import_am_quote(ia, file));
	if (file != NULL && type != NULL && strcmp(type, "Bearer") != 0)
		import_am_put(ia, 5, "authorization: %s",
			      import_am_quote(ia, type));
}

/* What it asks with stands before the host. */
static bool
im_has_login(const char *url)
{
	const char *host = strstr(url, "://");

	return host != NULL &&
	       memchr(host + 3, '@', strcspn(host + 3, "/?#")) != NULL;
}

static void
im_webhook(struct import_am *ia, yaml_node_t *list, const char *receiver)
{
	static const char *const known[] = {"url",         "url_file",
					    "max_alerts",  "send_resolved",
					    "http_config", NULL};
	struct im_seen seen = im_seen(ia, list);
	yaml_node_t *config;

	if (am_item(&ia->yaml, list, 0) != NULL)
		import_am_put(ia, 3, "webhook:");
	for (size_t i = 0;
	     (config = import_am_entry(ia, list, i, "webhook_configs")) != NULL;
	     i++) {
		const char *url = am_get_text(&ia->yaml, config, "url");
		const char *file = am_get_text(&ia->yaml, config, "url_file");
		const char *to = url != NULL ? url : file != NULL ? file : "";
		yaml_node_t *most = am_get(&ia->yaml, config, "max_alerts");

		import_am_unknown(ia, config, known);
		if (url != NULL && im_has_login(url)) {
			url = NULL;
			to = im_secret_file(ia, receiver, "webhook", i);
		}
		import_am_put(ia, 4, "- %s: %s",
			      url != NULL ? "url" : "url_file",
			      import_am_quote(ia, to));
		im_tell_apart(ia, &seen, "webhook", to);
		im_http(ia, am_get(&ia->yaml, config, "http_config"), receiver,
			i);
		if (most != NULL)
			import_am_note(ia, most, "max_alerts",
				       "at most 50 alerts are in a notice");
	}
}

/* --- receivers ----------------------------------------------------------------------- */

/* A kind of channel, and whether it tells that something is over when its
 * configuration doesn't say. */
static const struct im_kind {
	const char *key;
	bool resolved;
} im_kinds[] = {
	{"email_configs", false},
	{"slack_configs", false},
	{"webhook_configs", true},
	{"pagerduty_configs", true},
};

static bool
im_is_told(struct import_am *ia, yaml_node_t *config, bool dflt)
{
	static const char *const no[] = {"false", "no", "off", "n"};
	const char *said = am_get_text(&ia->yaml, config, "send_resolved");

	for (size_t i = 0; said != NULL && i < sizeof(no) / sizeof(no[0]); i++)
		if (strcasecmp(said, no[i]) == 0)
			return false;
	return said != NULL || dflt;
}

static void
im_send_resolved(struct import_am *ia, yaml_node_t *receiver)
{
	bool yes = false, no = false;

	for (size_t i = 0; i < sizeof(im_kinds) / sizeof(im_kinds[0]); i++) {
		yaml_node_t *list =
			am_get(&ia->yaml, receiver, im_kinds[i].key);
		yaml_node_t *config;

		for (size_t n = 0;
		     (config = am_item(&ia->yaml, list, n)) != NULL; n++)
			if (im_is_told(ia, config, im_kinds[i].resolved))
				yes = true;
			else
				no = true;
	}
	if (no && !yes)
		import_am_put(ia, 3, "send_resolved: false");
	else if (no)
		import_am_note(ia, receiver, "send_resolved",
			       "is one for all of a receiver here: all are "
			       "told when it is over");
}

static void
im_receiver(struct import_am *ia, yaml_node_t *receiver)
{
	static const char *const known[] = {"name",
					    "email_configs",
					    "slack_configs",
					    "pagerduty_configs",
					    "webhook_configs",
					    NULL};
	const char *name = am_get_text(&ia->yaml, receiver, "name");

	if (name == NULL)
		return;
	import_am_unknown(ia, receiver, known);
	import_am_put(ia, 2, "- name: %s", import_am_name(ia, name));
	im_mail(ia, import_am_get_list(ia, receiver, "email_configs"));
	im_slack(ia, import_am_get_list(ia, receiver, "slack_configs"), name);
	im_webhook(ia, import_am_get_list(ia, receiver, "webhook_configs"),
		   name);
	im_pagerduty(ia, import_am_get_list(ia, receiver, "pagerduty_configs"),
		     name);
	im_send_resolved(ia, receiver);
}

void
import_am_receivers(struct import_am *ia, yaml_node_t *receivers)
{
	yaml_node_t *receiver;

	if (am_item(&ia->yaml, receivers, 0) != NULL)
		import_am_put(ia, 1, "receivers:");
	for (size_t i = 0; (receiver = import_am_entry(ia, receivers, i,
						       "receivers")) != NULL;
	     i++)
		im_receiver(ia, receiver);
}
