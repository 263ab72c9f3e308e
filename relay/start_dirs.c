/* The folders that the configuration names, made where they are missing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jail.h"
#include "base/xalloc.h"
#include "relay/start_impl.h"

/* Anybody may leave a file there and none may list them; it has our group. */
#define DROP_DIR_MODE 03733

/* The folder that KEY names, and those above it. A new one is the daemon's. */
static int
start_make_dir(const struct config *config, const char *key, const char *dir,
	       mode_t mode)
{
	char *path = xstrdup(dir);
	uid_t uid = geteuid();
	gid_t gid = getegid();
	bool made;
	int result = 0;

	for (char *p = path + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		mkdir(path, 0755);
		*p = '/';
	}
	made = mkdir(path, mode) == 0;
	if (!made && errno != EEXIST)
		result = -errno;
	if (config->user[0] != '\0' && result == 0)
		result = jail_find_user(config->user, &uid, &gid);
	if (made && result == 0 &&
	    (chown(path, uid, gid) < 0 || chmod(path, mode) < 0))
		result = -errno;
	if (result < 0)
		result = start_failed(RELAY_EXIT_FAILED,
				      "%s: the folder %s can't be made: %s",
				      key, path, strerror(-result));
	free(path);
	return result;
}

static int
start_make_socket_dir(const struct config *config, const char *key,
		      const char *socket_path)
{
	char *path = xstrdup(socket_path), *slash = strrchr(path, '/');
	int result = 0;

	if (slash != NULL && slash != path) {
		*slash = '\0';
		result = start_make_dir(config, key, path, 0755);
	}
	free(path);
	return result;
}

int
start_make_dirs(const struct config *config)
{
	int result =
		start_make_dir(config, "state_dir", config->state_dir, 0711);

	if (result == 0)
		result = start_make_dir(config, "drop_dir", config->drop_dir,
					DROP_DIR_MODE);
	if (result == 0)
		result = start_make_socket_dir(config, "admin_socket",
					       config->admin_socket);
	if (result == 0)
		result = start_make_socket_dir(config, "submit_socket",
					       config->submit_socket);
	return result;
}
