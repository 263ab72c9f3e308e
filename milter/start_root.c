/*
 * The first half of the start, by whoever starts us: what needs root, and then
 * the identity for good.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/jail.h"
#include "base/places.h"
#include "base/start_failed.h"
#include "milter/milter.h"

#define OBSERVED_DIR_MODE 0750

static int
sr_read(struct milter *m, struct config **ret)
{
	struct conf_errors e;
	int r;

	conf_errors_init(&e);
	r = config_load_milter(m->conf_path, ret, &e);
	conf_errors_print(&e, stderr);
	conf_errors_done(&e);
	if (r < 0)
		return MILTER_EXIT_CONFIG;
	if (config_has_milter(*ret))
		return 0;
	config_unref(ret);
	return start_failed(MILTER_EXIT_CONFIG,
			    "%s has no section `milter`; `milter: {}` "
			    "is one",
			    m->conf_path);
}

static int
sr_check_user(const char *user)
{
	uid_t uid;
	gid_t gid;

	if (user[0] == '\0')
		return geteuid() != 0
			       ? 0
			       : start_failed(
					 MILTER_EXIT_CONFIG,
					 "`milter.user: \"\"` keeps the "
					 "caller, and that is root: name an "
					 "account");
	if (jail_find_user(user, &uid, &gid) < 0)
		return start_failed(
			MILTER_EXIT_CONFIG,
			"milter.user %s: no such account; make it with "
			"`adduser --system --group %s`",
			user, user);
	if (uid == 0)
		return start_failed(MILTER_EXIT_CONFIG,
				    "milter.user %s: it is root; name "
				    "an account without rights",
				    user);
	if (geteuid() != 0 && geteuid() != uid)
		return start_failed(
			MILTER_EXIT_CONFIG,
			"milter.user %s: only root can become it; start as "
			"root, or set `user: \"\"`",
			user);
	return 0;
}

static int
sr_make_dir(const struct config *config)
{
	const char *dir = config->milter.observed_dir;
	struct place_owner owner = {.user = config->milter.user,
				    .uid = geteuid(),
				    .gid = getegid()};
	int r = 0;

	if (owner.user[0] != '\0')
		r = jail_find_user(owner.user, &owner.uid, &owner.gid);
	if (r == 0)
		r = place_make_dir(dir, OBSERVED_DIR_MODE, &owner);
	if (r < 0)
		return start_failed(
			MILTER_EXIT_FAILED,
			"observed_dir: the folder %s can't be made: %s", dir,
			strerror(-r));
	return 0;
}

static int
sr_bind_http(struct milter *m, const struct config *config)
{
	int r = milter_http_bind(m, config);

	if (r < 0)
		return start_failed(MILTER_EXIT_FAILED,
				    "http %s: can't listen: %s",
				    config->milter.http, strerror(-r));
	return 0;
}

static int
sr_drop_root(const struct config *config)
{
	int r = 0;

	if (geteuid() == 0)
		r = jail_become(config->milter.user);
	if (r == 0)
		r = jail_capabilities(false);
	if (r == 0)
		r = jail_close();
	if (r < 0)
		return start_failed(MILTER_EXIT_FAILED, "becoming user %s: %s",
				    config->milter.user, strerror(-r));
	return 0;
}

int
milter_start_as_root(struct milter *m)
{
	struct config *config;
	int r;

	r = sr_read(m, &config);
	if (r != 0)
		return r;
	r = sr_check_user(config->milter.user);
	if (r == 0)
		r = sr_make_dir(config);
	if (r == 0)
		r = milter_listen(m, config);
	if (r == 0)
		r = sr_bind_http(m, config);
	if (r == 0)
		r = sr_drop_root(config);
	config_unref(&config);
	return r;
}
