/*
 * Programs of all users leave their mail in the drop folder while belfryd is
 * down, so each folder on the way to it must let them pass.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/xalloc.h"
#include "config/config.h"

#define DROP_OPEN_MODE (S_ISGID | S_IWOTH | S_IXOTH)

static char *
dc_say(const char *dir, const char *at, const char *mode)
{
	return xasprintf("users can't leave mail in %s while belfryd is down: "
			 "`chmod %s %s`",
			 dir, mode, at);
}

/* A folder above DIR that is closed; NULL: none that can be seen. */
static char *
dc_above(const char *dir)
{
	char *path = xstrdup(dir), *said = NULL;
	struct stat st;

	for (char *p = path + 1; said == NULL && *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (stat(path, &st) == 0 && (st.st_mode & S_IXOTH) == 0)
			said = dc_say(dir, path, "o+x");
		*p = '/';
	}
	free(path);
	return said;
}

char *
config_drop_closed(const struct config *c)
{
	char *said = dc_above(c->drop_dir);
	struct stat st;

	if (said == NULL && stat(c->drop_dir, &st) == 0 &&
	    (st.st_mode & DROP_OPEN_MODE) != DROP_OPEN_MODE)
		said = dc_say(c->drop_dir, c->drop_dir, "3733");
	return said;
}
