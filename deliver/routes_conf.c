#include "deliver/routes_conf.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/spawn.h"
#include "base/xalloc.h"
#include "deliver/hop_conf.h"
#include "deliver/route.h"
#include "deliver/template.h"
#include "mail/pattern.h"

const char *const route_deliver_names[] = {
	[ROUTE_SMTP] = "smtp",       [ROUTE_LMTP] = "lmtp",
	[ROUTE_MAILDIR] = "maildir", [ROUTE_PIPE] = "pipe",
	[ROUTE_ALERT] = "alert",     NULL,
};

#define PIPE_TIME_TEXT   "60s"
#define PIPE_TIME_MS     60000
#define PIPE_OUTPUT_TEXT "64K"
#define PIPE_OUTPUT      (64 << 10)

/* Which keys a kind needs; it takes no other. */
static const struct route_kind {
	bool via, path, command;
} route_kinds[] = {
	[ROUTE_SMTP] = {.via = true},     [ROUTE_LMTP] = {.via = true},
	[ROUTE_MAILDIR] = {.path = true}, [ROUTE_PIPE] = {.command = true},
	[ROUTE_ALERT] = {.via = false},
};

bool
route_check_match(void *field, const struct conf_mark *mark,
		  struct conf_errors *errors)
{
	const char *match = *(char **)field;
	struct pattern *pattern = NULL;
	char *why = NULL;
	/* Whatever the delimiter is: it changes nothing in what is refused. */
	int r = pattern_new(match, '\0', &pattern, &why);

	if (r < 0)
		conf_error(errors, mark, "`%s` is no pattern: %s", match,
			   why != NULL ? why : "not understood");
	pattern_free(&pattern);
	free(why);
	return r == 0;
}

static bool
route_check_names(const char *text, unsigned allowed,
		  const struct conf_mark *mark, struct conf_errors *errors)
{
	const char *bad;
	size_t len;

	if (strlen(text) > TEMPLATE_TEXT_MAX) {
		conf_error(errors, mark, "this is longer than %d characters",
			   TEMPLATE_TEXT_MAX);
		return false;
	}
	if (template_check(text, allowed, &bad, &len))
		return true;
	conf_error(errors, mark,
		   "`%.*s` is nothing that can stand here; a brace by itself "
		   "is written `{{`",
		   (int)len, bad);
	return false;
}

static bool
route_check_path(void *field, const struct conf_mark *mark,
		 struct conf_errors *errors)
{
	const char *path = *(char **)field;

	if (path[0] != '\0' && path[0] != '/') {
		conf_error(errors, mark, "`path` begins with a slash, not `%s`",
			   path);
		return false;
	}
	return route_check_names(path, TEMPLATE_PATH, mark, errors);
}

static bool
route_check_command(void *field, const struct conf_mark *mark,
		    struct conf_errors *errors)
{
	const struct conf_strings *command = field;
	const char *bad;
	size_t len;

	(void)mark;
	for (size_t i = 0; i < command->n; i++)
		if (!route_check_names(command->v[i], TEMPLATE_ALL,
				       &command->marks[i], errors))
			return false;
	if (command->n == 0)
		return true;
	if (command->v[0][0] == '/' &&
	    template_check(command->v[0], 0, &bad, &len))
		return true;
	conf_error(errors, &command->marks[0],
		   "`command` begins with the whole path of a program, not "
		   "`%s`",
		   command->v[0]);
	return false;
}

/* As systemd's unit and folders have it, too. */
static bool
route_check_as(void *field, const struct conf_mark *mark,
	       struct conf_errors *errors)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	const char *as = *(char **)field;

	if (strcmp(as, "root") == 0) {
		conf_error(errors, mark,
			   "root runs no program for mail: make an account");
		return false;
	}
	if (strlen(as) <= 32 && as[0] != '-' &&
	    strspn(as, letters) == strlen(as))
		return true;
	conf_error(errors, mark, "`%s` is no name of an account", as);
	return false;
}

void
routes_check_runners(const struct conf_list *routes, struct conf_errors *errors)
{
	const struct route_rule *rules = routes->v;

	for (size_t i = 0; i < routes->n; i++) {
		const char *as = rules[i].as;
		struct stat st;
		char *path;

		if (as[0] == '\0')
			continue;
		path = xasprintf(ROUTE_RUN_DIR "/%s", as);
		if (stat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
			conf_error(errors, &rules[i].mark,
				   "as: there is no socket %s: `systemctl "
				   "enable --now belfry-run@%s.socket` makes "
				   "it, and the commands that may be run stand "
				   "in /etc/belfry/run/%s",
				   path, as, as);
		free(path);
	}
}

static bool
route_check_bcc(void *field, const struct conf_mark *mark,
		struct conf_errors *errors)
{
	const struct conf_strings *bcc = field;
	struct arena arena;
	struct address a;
	const char *why;
	bool ok = true;

	(void)mark;
	arena_init(&arena);
	for (size_t i = 0; ok && i < bcc->n; i++) {
		ok = address_parse_bare(bcc->v[i], &arena, &a, &why) == 0;
		if (!ok)
			conf_error(errors, &bcc->marks[i],
				   "`%s` is no address: %s", bcc->v[i], why);
	}
	arena_done(&arena);
	return ok;
}

static const struct conf_option route_verify_options[] = {
	{.name = "cache",
	 .type = CONF_TIME,
	 .offset = 0,
	 .dflt = "0s",
	 .help = "How long a yes holds; a no holds for an hour at most. 0s: "
		 "nothing is asked.",
	 .min = 0,
	 .max = 30LL * 86400000,
	 .example = "1d"},
	{.name = NULL},
};

static const struct conf_table route_verify_table = {
	.size = sizeof(((struct route_rule *)0)->verify),
	.options = route_verify_options,
};

static const struct conf_option route_rule_options[] = {
	{.name = "match",
	 .type = CONF_STRING,
	 .offset = offsetof(struct route_rule, match),
	 .help = "The recipients it is for, as a pattern: `anna@example.org`, "
		 "`example.org`, `.example.org` (subdomains), a glob with `*`, "
		 "or `/regular expression/`.",
	 .check = route_check_match,
	 .example = "example.org"},
	{.name = "deliver",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct route_rule, deliver),
	 .help = "How they are delivered: `smtp` or `lmtp` to the next hops in "
		 "via, `maildir` into the folder at path, `pipe` into a "
		 "command, `alert` to the alerts.",
	 .names = route_deliver_names,
	 .example = "smtp"},
	{.name = "via",
	 .type = CONF_LIST,
	 .offset = offsetof(struct route_rule, via),
	 .dflt = "[]",
	 .help = "Next hops, tried in this order; required with `deliver: "
		 "smtp` and `lmtp`.",
	 .table = &hop_conf_table,
	 .example = "[{host: 10.1.0.5}]"},
	{.name = "path",
	 .type = CONF_STRING,
	 .offset = offsetof(struct route_rule, path),
	 .dflt = "\"\"",
	 .help = "The Maildir; required with `deliver: maildir`. `{local}`, "
		 "`{domain}` and `{extension}` are the recipient's, in lower "
		 "case. What stands before the first of them must exist, the "
		 "rest is made.",
	 .check = route_check_path,
	 .example = "\"/var/mail/belfry/{local}\""},
	{.name = "command",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct route_rule, command),
	 .dflt = "[]",
	 .help = "A program with its arguments, required with `deliver: pipe`; "
		 "no shell reads it. In arguments `{to}`, `{local}`, "
		 "`{domain}` and `{extension}` are the recipient's, `{from}` "
		 "is the envelope sender.",
	 .check = route_check_command,
	 .example = "[/usr/bin/lp, \"-t\", \"{from}\"]"},
	{.name = "as",
	 .type = CONF_STRING,
	 .offset = offsetof(struct route_rule, as),
	 .dflt = "\"\"",
	 .help = "With `deliver: pipe`: the account that runs the program, by "
		 "way of `belfry-run@ACCOUNT.socket`; the command must stand "
		 "in `/etc/belfry/run/ACCOUNT`. Empty: belfryd's own.",
	 .check = route_check_as,
	 .example = "lp"},
	{.name = "time",
	 .type = CONF_TIME,
	 .offset = offsetof(struct route_rule, time_ms),
	 .dflt = PIPE_TIME_TEXT,
	 .help = "With `deliver: pipe`: the program is ended after so long, "
		 "and the message tried again later.",
	 .min = 1000,
	 .max = SPAWN_TIME_MAX_MS},
	{.name = "output",
	 .type = CONF_SIZE,
	 .offset = offsetof(struct route_rule, output_max),
	 .dflt = PIPE_OUTPUT_TEXT,
	 .help = "With `deliver: pipe`: a program that says more is ended, and "
		 "the message tried again later.",
	 .min = 1024,
	 .max = 1 << 20},
	{.name = "verify",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct route_rule, verify),
	 .dflt = "{}",
	 .help = "Ask the next hop at RCPT whether it knows the recipient; for "
		 "`deliver: smtp` without `mx` in via, and for clients that "
		 "are not in trust.",
	 .table = &route_verify_table},
	{.name = "bcc",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct route_rule, bcc),
	 .dflt = "[]",
	 .help = "Addresses that get a copy of what this route takes. Neither "
		 "sender nor recipients see them.",
	 .check = route_check_bcc,
	 .example = "[archive@example.org]"},
	{.name = NULL},
};

/* A key that its kind needs is there, one that it does not take is not. */
static bool
route_check_key(const struct route_rule *rule, bool takes, bool given,
		const char *key, const char *example,
		const struct conf_mark *mark, struct conf_errors *errors)
{
	const char *deliver = route_deliver_names[rule->deliver];

	if (takes == given)
		return true;
	if (takes)
		conf_error(errors, mark,
			   "a route with `deliver: %s` needs `%s`; write for "
			   "example `%s`",
			   deliver, key, example);
	else
		conf_error(errors, mark,
			   "a route with `deliver: %s` has no `%s`", deliver,
			   key);
	return false;
}

/* Only the hosts themselves are asked, never their mail exchangers. */
static bool
route_check_verify(const struct route_rule *rule, const struct conf_mark *mark,
		   struct conf_errors *errors)
{
	const struct hop *hops = rule->via.v;

	for (size_t i = 0; rule->verify.cache_ms > 0 && i < rule->via.n; i++) {
		if (!hops[i].mx)
			continue;
		conf_error(errors, mark,
			   "a route with `verify` has no `mx` in `via`: write "
			   "the hosts themselves");
		return false;
	}
	return true;
}

static bool
route_check_unix(const struct route_rule *rule, struct conf_errors *errors)
{
	const struct hop *hops = rule->via.v;
	bool ok = true;

	for (size_t i = 0; rule->deliver != ROUTE_LMTP && i < rule->via.n; i++)
		ok = hop_check_no_unix(&hops[i], errors) && ok;
	return ok;
}

static bool
route_rule_check(void *field, const struct conf_mark *mark,
		 struct conf_errors *errors)
{
	const struct route_rule *rule = field;
	const struct route_kind *kind = &route_kinds[rule->deliver];
	/* What has a default can't be told from what was not given. */
	const struct {
		bool takes, given;
		const char *key, *example;
	} key[] = {
		{kind->via, rule->via.n > 0, "via", "via: [{host: 10.1.0.5}]"},
		{kind->path, rule->path[0] != '\0', "path",
		 "path: \"/var/mail/belfry/{local}\""},
		{kind->command, rule->command.n > 0, "command",
		 "command: [/usr/bin/lp, \"-t\", \"{from}\"]"},
		{false, !kind->command && rule->as[0] != '\0', "as", NULL},
		{false, !kind->command && rule->time_ms != PIPE_TIME_MS, "time",
		 NULL},
		{false, !kind->command && rule->output_max != PIPE_OUTPUT,
		 "output", NULL},
		{false,
		 rule->deliver != ROUTE_SMTP && rule->verify.cache_ms > 0,
		 "verify", NULL},
	};
	bool ok = route_check_verify(rule, mark, errors) &&
		  route_check_unix(rule, errors);

	for (size_t i = 0; i < sizeof(key) / sizeof(key[0]); i++)
		ok = route_check_key(rule, key[i].takes, key[i].given,
				     key[i].key, key[i].example, mark,
				     errors) &&
		     ok;
	return ok;
}

const struct conf_table route_rule_table = {
	.size = sizeof(struct route_rule),
	.options = route_rule_options,
	.mark_offset = offsetof(struct route_rule, mark),
	.check = route_rule_check,
};
