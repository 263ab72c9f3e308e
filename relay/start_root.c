/*
 * The first half of the start, by whoever starts us: what needs root, and then
 * the identity for good.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jail.h"
#include "base/start_failed.h"
#include "base/xalloc.h"
#include "relay/start_impl.h"

static int
start_read(struct relay *r, struct config **ret_config)
{
	struct conf_errors e;
	int result;

	conf_errors_init(&e);
	result = config_load(r->conf_path, ret_config, &e);
	conf_errors_print(&e, stderr);
	conf_errors_done(&e);
	return result < 0 ? RELAY_EXIT_CONFIG : 0;
}

static int
start_check_user(const struct config *config)
{
	uid_t uid;
	gid_t gid;

	if (config->user[0] == '\0')
		return geteuid() != 0
			       ? 0
			       : start_failed(RELAY_EXIT_CONFIG,
					      "`user: \"\"` keeps the caller, "
					      "and that "
					      "is root: name an account");
	if (jail_find_user(config->user, &uid, &gid) < 0)
		return start_failed(RELAY_EXIT_CONFIG,
				    "user %s: no such account; make it with "
				    "`adduser --system --group %s`",
				    config->user, config->user);
	if (uid == 0)
		return start_failed(RELAY_EXIT_CONFIG,
				    "user %s: it is root; name an account "
				    "without rights",
				    config->user);
	if (geteuid() != 0 && geteuid() != uid)
		return start_failed(RELAY_EXIT_CONFIG,
				    "user %s: only root can become it; start "
				    "as root, or set `user: \"\"`",
				    config->user);
	return 0;
}

/* What to do about an address that can't be listened on; "" nothing. */
static const char *
start_bind_help(int error)
{
	switch (error) {
	case EADDRINUSE:
		return "; another program does: `ss -ltnp` shows which";
	case EADDRNOTAVAIL:
		return "; this machine has no such address (`ip address`)";
	case EACCES:
		return "; ports below 1024 are for who starts as root";
	default:
		return "";
	}
}

static int
start_take_passed(struct relay *r)
{
	int result = ports_passed_take(r);

	if (result < 0)
		return start_failed(
			RELAY_EXIT_CONFIG,
			"sockets of the service manager (LISTEN_FDS): %s; a "
			"socket unit for belfryd has ListenStream= and "
			"Accept=no only",
			strerror(-result));
	return 0;
}

/* Whoever connects there would wait for nobody. */
static int
start_check_passed(const struct relay *r)
{
	char address[SOCKADDR_TEXT_MAX];

	if (!ports_passed_unused(r, address))
		return 0;
	return start_failed(RELAY_EXIT_CONFIG,
			    "the service manager listens on %s for belfryd, "
			    "but nothing in the configuration has that "
			    "address: change the one or the other",
			    address);
}

static int
start_bind(struct relay *r, const struct config *config)
{
	char *address = NULL;
	int exit_code = start_take_passed(r), result;

	if (exit_code != 0)
		return exit_code;
	result = ports_apply(r, config, &address);
	if (result < 0)
		exit_code = start_failed(
			RELAY_EXIT_FAILED, "%s: can't listen: %s%s", address,
			strerror(-result), start_bind_help(-result));
	free(address);
	return exit_code != 0 ? exit_code : start_check_passed(r);
}

/* The store refuses a second daemon too, but that would first complain of
 * ports that are taken. What lies there may be anything. */
static int
start_check_alone(const struct config *config)
{
	char *path = xasprintf("%s/lock", config->state_dir), pid[32] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int result = 0;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		if (read(fd, pid, sizeof(pid) - 1) < 0)
			pid[0] = '\0';
		pid[strspn(pid, "0123456789")] = '\0';
		result = start_failed(RELAY_EXIT_FAILED,
				      "%s is in use by process %s",
				      config->state_dir, pid);
	}
	if (fd >= 0)
		close(fd);
	free(path);
	return result;
}

static int
start_drop_root(const struct config *config)
{
	int result = 0;

	if (geteuid() == 0)
		result = jail_become(config->user);
	if (result == 0)
		result = jail_capabilities(true);
	if (result == 0)
		result = jail_close();
	if (result < 0)
		return start_failed(RELAY_EXIT_FAILED, "becoming user %s: %s",
				    config->user, strerror(-result));
	return 0;
}

int
start_as_root(struct relay *r)
{
	struct config *config;
	int result;

	result = start_read(r, &config);
	if (result != 0)
		return result;
	result = start_check_user(config);
	if (result == 0)
		result = start_check_alone(config);
	if (result == 0)
		result = start_make_dirs(config);
	if (result == 0)
		result = start_bind(r, config);
	if (result == 0)
		result = start_drop_root(config);
	config_unref(&config);
	return result;
}
