#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"

#define SECRET_MOUNT   "/run/secrets"
#define SECRET_DIR_VAR "CREDENTIALS_DIRECTORY"
#define SECRET_NAMES   4096 /* for a line of passwd or group */

/* --- the configuration ------------------------------------------------------ */

static const char *const secrets_mode_names[] = {
	[SECRETS_REFUSE] = "refuse", [SECRETS_WARN] = "warn", NULL};

static const struct conf_option secrets_options[] = {
	{.name = "mode",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct secrets_conf, mode),
	 .dflt = "refuse",
	 .help = "What becomes of a file with a secret that everybody can read "
		 "or write: `refuse`, or `warn` and read it.",
	 .names = secrets_mode_names},
	{.name = NULL},
};

const struct conf_table secrets_conf_table = {
	.size = sizeof(struct secrets_conf),
	.options = secrets_options,
};

bool
secret_is_given(const struct secret_conf *conf)
{
	return conf->file.text[0] != '\0' || conf->env.text[0] != '\0';
}

const struct conf_mark *
secret_mark(const struct secret_conf *conf)
{
	return conf->file.text[0] != '\0' ? &conf->file.mark : &conf->env.mark;
}

static bool
secret_is_name(const char *s)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz_0123456789";

	return s[0] != '\0' && strspn(s, letters) == strlen(s) &&
	       strspn(s, letters + 53) == 0;
}

bool
secret_check(const struct secret_conf *conf, const char *key,
	     struct conf_errors *errors)
{
	const char *file = conf->file.text, *env = conf->env.text;

	if (file[0] != '\0' && env[0] != '\0') {
		conf_error(errors, &conf->env.mark,
			   "`%s_file` and `%s_env` are two places for one "
			   "thing; give one of them",
			   key, key);
		return false;
	}
	if (file[0] != '\0' && file[0] != '/' && strchr(file, '/') != NULL) {
		conf_error(errors, &conf->file.mark,
			   "`%s_file` is a whole path, or the name of a "
			   "credential of systemd, not `%s`",
			   key, file);
		return false;
	}
	if (env[0] == '\0' || secret_is_name(env))
		return true;
	conf_error(errors, &conf->env.mark,
		   "`%s_env` is the name of an environment variable, written "
		   "without `$`",
		   key);
	return false;
}

/* --- files ------------------------------------------------------------------ */

/* Is the file PATH in the tree below DIR, links resolved? */
static bool
secret_is_below(const char *path, const char *dir)
{
	char whole[PATH_MAX], top[PATH_MAX];
	size_t len;

	if (dir == NULL || realpath(dir, top) == NULL ||
	    realpath(path, whole) == NULL)
		return false;
	len = strlen(top);
	return len > 1 && strncmp(whole, top, len) == 0 && whole[len] == '/';
}

/* Whoever mounts these keeps others out of the folder, or has nobody else. */
static bool
secret_is_kept(const char *path)
{
	return secret_is_below(path, getenv(SECRET_DIR_VAR)) ||
	       secret_is_below(path, SECRET_MOUNT);
}

static char *
secret_user(void)
{
	char line[SECRET_NAMES];
	struct passwd pw, *found = NULL;

	if (getpwuid_r(geteuid(), &pw, line, sizeof(line), &found) == 0 &&
	    found != NULL)
		return xstrdup(pw.pw_name);
	return xasprintf("%u", geteuid());
}

static char *
secret_group(void)
{
	char line[SECRET_NAMES];
	struct group gr, *found = NULL;

	if (getgrgid_r(getegid(), &gr, line, sizeof(line), &found) == 0 &&
	    found != NULL)
		return xstrdup(gr.gr_name);
	return xasprintf("%u", getegid());
}

/* Not for us: the file, or a folder that leads to it? */
static char *
secret_denied(const char *path)
{
	char *user = secret_user(), *group = secret_group(), *why = NULL;
	char *dir = xstrdup(path);

	for (char *at = strchr(dir + 1, '/'); at != NULL && why == NULL;
	     at = strchr(at + 1, '/')) {
		*at = '\0';
		if (faccessat(AT_FDCWD, dir, X_OK, AT_EACCESS) < 0)
			why = xasprintf("%s can't be read by user %s: the "
					"folder %s is closed to it; `chgrp %s "
					"%s; chmod g+x %s` opens it",
					path, user, dir, group, dir, dir);
		*at = '/';
	}
	if (why == NULL)
		why = xasprintf("%s can't be read by user %s; `install -o root "
				"-g %s -m 0640 FILE %s` puts it there so that "
				"it can",
				path, user, group, path);
	free(dir);
	free(group);
	free(user);
	return why;
}

int
secret_open(const char *path, enum secrets_mode mode, char **ret_why)
{
	int fd = conf_file_open(path);
	struct stat st;

	*ret_why = NULL;
	if (fd == -EACCES) {
		*ret_why = secret_denied(path);
		return fd;
	}
	if (fd < 0) {
		*ret_why = xasprintf("%s can't be read: %s", path,
				     conf_file_error(fd));
		return fd;
	}
	if (fstat(fd, &st) == 0 && (st.st_mode & (S_IROTH | S_IWOTH)) == 0)
		return fd;
	if (secret_is_kept(path))
		return fd;
	*ret_why =
		xasprintf("everybody on this machine can %s %s; `chmod o= "
			  "%s` mends it",
			  st.st_mode & S_IROTH ? "read" : "write", path, path);
	if (mode == SECRETS_WARN)
		return fd;
	close(fd);
	return -EPERM;
}

/* --- reading ---------------------------------------------------------------- */

struct secret *
secret_new(const void *bytes, size_t len)
{
	struct secret *s = xmalloc(sizeof(*s) + len + 1);

	s->len = len;
	memcpy(s->bytes, bytes, len);
	s->bytes[len] = '\0';
	return s;
}

void
secret_free(struct secret **s)
{
	if (*s != NULL)
		explicit_bzero(*s, sizeof(**s) + (*s)->len + 1);
	free(*s);
	*s = NULL;
}

bool
secret_equal(const struct secret *a, const struct secret *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* What is no secret: 0, or -errno and why. */
static int
secret_take(const char *bytes, size_t len, const char *where,
	    struct secret **ret, char **ret_why)
{
	const char *what = NULL;
	int r = 0;

	if (len > SECRET_MAX) {
		what = "is larger than 64K";
		r = -EFBIG;
	} else if (len == 0) {
		what = "is empty";
		r = -ENODATA;
	} else if (memchr(bytes, '\0', len) != NULL) {
		what = "has a NUL byte in it";
		r = -EINVAL;
	}
	if (r == 0) {
		*ret = secret_new(bytes, len);
		return 0;
	}
	free(*ret_why);
	*ret_why = xasprintf("%s %s", where, what);
	return r;
}

static int
secret_load_file(const char *path, enum secrets_mode mode, struct secret **ret,
		 char **ret_why)
{
	char *bytes;
	int fd = secret_open(path, mode, ret_why), r = 0;
	size_t len = 0;
	ssize_t n = 0;

	if (fd < 0)
		return fd;
	/* The largest one, its newline, and one more that tells of others. */
	bytes = xmalloc(SECRET_MAX + 2);
	while (len < SECRET_MAX + 2 &&
	       (n = read(fd, bytes + len, SECRET_MAX + 2 - len)) > 0)
		len += (size_t)n;
	if (n < 0) {
		r = -errno;
		free(*ret_why);
		*ret_why =
			xasprintf("%s can't be read: %s", path, strerror(-r));
	}
	close(fd);
	if (len > 0 && bytes[len - 1] == '\n')
		len--;
	if (r == 0)
		r = secret_take(bytes, len, path, ret, ret_why);
	explicit_bzero(bytes, SECRET_MAX + 2);
	free(bytes);
	return r;
}

/* A plain name is a credential of systemd. */
static int
secret_load_credential(const char *name, enum secrets_mode mode,
		       struct secret **ret, char **ret_why)
{
	const char *dir = getenv(SECRET_DIR_VAR);
	char *path;
	int r;

	if (dir == NULL || dir[0] != '/') {
		*ret_why = xasprintf("%s is no whole path, so it is a "
				     "credential of systemd, and there is no "
				     "$" SECRET_DIR_VAR
				     ": write the path, or `LoadCredential=%s:"
				     "/etc/belfry/%s` in the unit",
				     name, name, name);
		return -ENOKEY;
	}
	path = xasprintf("%s/%s", dir, name);
	r = secret_load_file(path, mode, ret, ret_why);
	free(path);
	return r;
}

int
secret_load(const struct secret_conf *conf, enum secrets_mode mode,
	    struct secret **ret, char **ret_why)
{
	const char *file = conf->file.text, *env = conf->env.text, *value;
	char *where;
	int r;

	*ret_why = NULL;
	if (file[0] == '/')
		return secret_load_file(file, mode, ret, ret_why);
	if (file[0] != '\0')
		return secret_load_credential(file, mode, ret, ret_why);
	value = getenv(env);
	where = xasprintf("the environment variable %s", env);
	if (value == NULL) {
		*ret_why = xasprintf("%s is not set", where);
		r = -ENOKEY;
	} else {
		r = secret_take(value, strlen(value), where, ret, ret_why);
	}
	free(where);
	return r;
}

static void
secret_report(const struct secret_conf *conf, const char *key, int r,
	      const char *why, struct conf_errors *errors)
{
	bool file = conf->file.text[0] != '\0';

	if (r < 0)
		conf_error(errors, secret_mark(conf), "`%s_%s`: %s%s", key,
			   file ? "file" : "env", why,
			   r == -EPERM
				   ? ", and `secrets: {mode: warn}` takes it"
				   : "");
	else
		conf_warning(errors, secret_mark(conf), "`%s_file`: %s", key,
			     why);
}

int
secret_read(const struct secret_conf *conf, const char *key,
	    enum secrets_mode mode, struct conf_errors *errors,
	    struct secret **ret)
{
	char *why;
	int r;

	*ret = NULL;
	if (!secret_is_given(conf))
		return 0;
	r = secret_load(conf, mode, ret, &why);
	if (why != NULL)
		secret_report(conf, key, r, why, errors);
	free(why);
	return r < 0 ? -EINVAL : 0;
}

bool
secret_look(const struct secret_conf *conf, const char *key,
	    enum secrets_mode mode, bool strictly, struct conf_errors *errors)
{
	struct secret *s = NULL;
	char *why;
	int r;

	if (!secret_is_given(conf))
		return true;
	r = secret_load(conf, mode, &s, &why);
	if (!strictly && (r == -EACCES || r == -ENOKEY))
		r = 0;
	else if (why != NULL)
		secret_report(conf, key, r, why, errors);
	secret_free(&s);
	free(why);
	return r == 0;
}
