#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alert/alert_secrets.h"
#include "alert/render.h"
#include "alert/rules.h"
#include "base/arena.h"
#include "base/xalloc.h"
#include "cli/check_milter.h"
#include "cli/check_words.h"
#include "cli/command.h"
#include "config/config.h"
#include "config/dkim_load.h"
#include "config/tls_load.h"
#include "config/users.h"
#include "deliver/template.h"

/* Become USER for the rest of the process. 0 or an exit status. */
static int
check_become(const char *user)
{
	const struct passwd *pw = getpwnam(user);

	if (pw == NULL) {
		cli_say("there is no user `%s`", user);
		return CLI_USAGE;
	}
	if (pw->pw_uid == geteuid())
		return CLI_OK;
	if (initgroups(user, pw->pw_gid) < 0 || setgid(pw->pw_gid) < 0 ||
	    setuid(pw->pw_uid) < 0) {
		cli_say("can't become `%s`: %s; run this as root", user,
			strerror(errno));
		return CLI_NOT_ALLOWED;
	}
	return CLI_OK;
}

/* What must be there, whoever asks; that it can be read is a question of who
 * (--as). */
static void
check_files(const struct config *c, struct conf_errors *e)
{
	const char *anchor = c->dns.trust_anchor;
	struct stat st;

	if (anchor[0] == '\0')
		return;
	if (stat(anchor, &st) == 0 && !S_ISREG(st.st_mode))
		conf_error(e, &c->mark, "dns.trust_anchor: %s: %s", anchor,
			   conf_file_error(-EINVAL));
	else if (access(anchor, F_OK) < 0 && errno == ENOENT)
		conf_error(e, &c->mark, "dns.trust_anchor: there is no %s",
			   anchor);
}

static void
check_drop(const struct config *c, struct conf_errors *e)
{
	char *why = config_drop_closed(c);

	if (why != NULL)
		conf_warning(e, &c->mark, "drop_dir: %s", why);
	free(why);
}

/* May we make and remove files in the folder that TEXT ends in? */
static void
check_folder(const char *text, const struct conf_mark *mark, const char *key,
	     struct conf_errors *e)
{
	char *path = xstrdup(text), *slash = strrchr(path, '/');

	if (slash != NULL)
		slash[slash == path] = '\0';
	if (slash != NULL && access(path, W_OK | X_OK) < 0)
		conf_error(e, mark, "%s: can't write to %s: %s", key, path,
			   strerror(errno));
	free(path);
}

static void
check_log(const char *to, const struct conf_mark *mark, const char *key,
	  struct conf_errors *e)
{
	if (to[0] != '/' || access(to, W_OK) == 0)
		return;
	if (errno == ENOENT)
		check_folder(to, mark, key, e);
	else
		conf_error(e, mark, "%s: can't write to %s: %s", key, to,
			   strerror(errno));
}

/* What stands before the first name in a Maildir's path must be there; the
 * rest is made. */
static void
check_maildirs(const struct config *c, struct conf_errors *e)
{
	struct arena arena;

	arena_init(&arena);
	for (size_t i = 0; i < c->routes.n; i++) {
		const struct route_rule *rule =
			(const struct route_rule *)c->routes.v + i;

		if (rule->path[0] != '\0')
			check_folder(template_fixed(rule->path, &arena),
				     &rule->mark, "path", e);
	}
	arena_done(&arena);
}

/* Passwords, keys and certificates. BECOME: we are who will read them. */
static void
check_secrets(const struct config *c, bool become, struct conf_errors *e)
{
	struct routing_sources from = config_routing(c);
	struct routing *routing;

	if (routing_new(&from, e, &routing) < 0)
		return;
	routing_look(routing, (enum secrets_mode)c->secrets.mode, become, e);
	routing_unref(&routing);
}

void
check_words(const struct config *c, struct conf_errors *e)
{
	struct render *render = NULL;
	struct rules *rules;

	if (rules_new(&c->alerts, c->hostname, e, &rules) < 0)
		return;
	if (render_new_by_rules(rules, e, &render) == 0)
		render_unref(&render);
	rules_unref(&rules);
}

/* The same of alerts; and the words in which people are told. */
static void
check_alerts(const struct config *c, bool become, struct conf_errors *e)
{
	alert_secrets_check(&c->alerts, (enum secrets_mode)c->secrets.mode,
			    become, e);
	check_words(c, e);
}

static void
check_dir(const char *dir, const struct conf_mark *mark, const char *key,
	  struct conf_errors *e)
{
	if (access(dir, F_OK) == 0 && access(dir, R_OK | W_OK | X_OK) < 0)
		conf_error(e, mark, "%s: can't write to %s: %s", key, dir,
			   strerror(errno));
}

static void
check_anchor(const struct config *c, struct conf_errors *e)
{
	const char *anchor = c->dns.trust_anchor;

	if (anchor[0] != '\0' && access(anchor, R_OK) < 0 && errno != ENOENT)
		conf_error(e, &c->mark, "dns.trust_anchor: can't read %s: %s",
			   anchor, strerror(errno));
}

static void
check_program(const struct conf_strings *command, struct conf_errors *e)
{
	if (command->n > 0 && access(command->v[0], F_OK) < 0 &&
	    errno == ENOENT)
		conf_error(e, &command->marks[0], "command: there is no %s",
			   command->v[0]);
}

static void
check_programs(const struct config *c, struct conf_errors *e)
{
	const struct alert_receiver_conf *to = c->alerts.receivers.v;
	const struct route_rule *rules = c->routes.v;

	for (size_t i = 0; i < c->routes.n; i++)
		check_program(&rules[i].command, e);
	for (size_t i = 0; i < c->alerts.receivers.n; i++) {
		const struct alert_exec_conf *exec = to[i].exec.v;

		for (size_t k = 0; k < to[i].exec.n; k++)
			check_program(&exec[k].command, e);
	}
}

/* What belfryd will want to read, write or run, apart from the file itself. */
static void
check_access(const struct config *c, struct conf_errors *e)
{
	check_anchor(c, e);
	check_dir(c->state_dir, &c->mark, "state_dir", e);
	check_log(c->log.to, &c->mark, "log.to", e);
	check_maildirs(c, e);
	check_programs(c, e);
}

/* The same of belfry-milter. */
static void
check_access_milter(const struct config *c, struct conf_errors *e)
{
	const struct milter_conf *m = &c->milter;

	check_anchor(c, e);
	check_dir(m->observed_dir, &m->mark, "milter.observed_dir", e);
	check_log(m->log.to, &m->mark, "milter.log.to", e);
}

/* --as is for belfryd, unless the milter alone has that user. */
static bool
check_is_milter(const struct config *c, const char *as)
{
	return as != NULL && config_has_milter(c) &&
	       strcmp(as, c->milter.user) == 0 && strcmp(as, c->user) != 0;
}

/* All of the file that was taken, as AS reads it, or (NULL) as it stands. */
static void
check_all(const struct config *c, const char *as, struct conf_errors *e)
{
	bool milter = check_is_milter(c, as), belfryd = as != NULL && !milter;

	check_files(c, e);
	routes_check_runners(&c->routes, e);
	check_drop(c, e);
	users_check(c, belfryd, e);
	config_tls_look(c, belfryd, e);
	config_dkim_look(c, as != NULL, e);
	check_secrets(c, belfryd, e);
	check_alerts(c, belfryd, e);
	if (belfryd)
		check_access(c, e);
	if (milter)
		check_access_milter(c, e);
	if (!belfryd)
		check_milter(c, milter, e);
}

static int
check_verdict(const struct cli *cli, const struct conf_errors *e, bool strict)
{
	if (e->total > 0) {
		printf("%s: %zu mistake%s\n", cli->conf_path, e->total,
		       e->total == 1 ? "" : "s");
		return CLI_CONFIG;
	}
	if (e->warnings > 0) {
		printf("%s: %zu warning%s\n", cli->conf_path, e->warnings,
		       e->warnings == 1 ? "" : "s");
		return strict ? CLI_WRONG : CLI_OK;
	}
	printf("%s: ok\n", cli->conf_path);
	return CLI_OK;
}

int
cli_check(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"strict", no_argument, NULL, 's'},
		{"as", required_argument, NULL, 'a'},
		{NULL, 0, NULL, 0},
	};
	const char *as = NULL;
	struct config *config = NULL;
	struct conf_errors e;
	bool strict = false;
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's')
			strict = true;
		else if (c == 'a')
			as = optarg;
		else
			return cli_usage(cli);
	}
	if (optind < argc)
		return cli_usage(cli);
	if (as != NULL && (r = check_become(as)) != CLI_OK)
		return r;
	conf_errors_init(&e);
	if (config_load(cli->conf_path, &config, &e) == 0)
		check_all(config, as, &e);
	conf_errors_print(&e, stderr);
	r = check_verdict(cli, &e, strict);
	config_unref(&config);
	conf_errors_done(&e);
	return r;
}
