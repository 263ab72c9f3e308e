#include "relay/login.h"

#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define LOGIN_ENTRY_MAX (16 * 1024)

static bool
login_ok(const char *login)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	return login[0] != '\0' && strlen(login) <= 64 &&
	       strspn(login, ok) == strlen(login);
}

char *
login_of(uid_t uid)
{
	char *buf = xmalloc(LOGIN_ENTRY_MAX), *login;
	struct passwd pw, *found = NULL;

	getpwuid_r(uid, &pw, buf, LOGIN_ENTRY_MAX, &found);
	if (found != NULL && login_ok(pw.pw_name))
		login = xstrdup(pw.pw_name);
	else
		login = xasprintf("uid%lu", (unsigned long)uid);
	free(buf);
	return login;
}
