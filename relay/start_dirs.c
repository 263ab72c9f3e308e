/* The folders that the configuration names, made where they are missing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/start_failed.h"
#include "base/xalloc.h"
#include "base/places.h"
#include "relay/start_impl.h"

/* Anybody may leave a file there and none may list them; it has our group. */
#define DROP_DIR_MODE 03733

/* The folder that KEY names, and those above it. A new one is the daemon's. */
static int
start_make_dir(const struct config *config, const char *key, const char *dir,
	       mode_t mode)
{
	struct place_owner owner;
	int result = relay_owner(config, &owner);

	if (result == 0)
		result = place_make_dir(dir, mode, &owner);
	if (result == -EACCES || result == -EPERM)
		return start_failed(RELAY_EXIT_FAILED,
				    "%s: the folder %s can't be made: %s; make "
				    "it yourself, `install -d -m %04o -o %s "
				    "%s`, and see that this user can pass "
				    "through those above it",
				    key, dir, strerror(-result), (unsigned)mode,
				    owner.user[0] != '\0' ? owner.user : "USER",
				    dir);
	if (result < 0)
		return start_failed(RELAY_EXIT_FAILED,
				    "%s: the folder %s can't be made: %s", key,
				    dir, strerror(-result));
	return 0;
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
