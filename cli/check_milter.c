#include "cli/check_milter.h"

#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jail.h"
#include "base/xalloc.h"
#include "config/dkim_load.h"

#define POSTFIX_ETC   "/etc/postfix"
#define POSTFIX_QUEUE "/var/spool/postfix"
#define GROUP_RW      (S_IRGRP | S_IWGRP)
#define OTHER_RW      (S_IROTH | S_IWOTH)

struct cm {
	const struct config *config;
	struct conf_errors *errors;
	bool become;
	char user[64];  /* that of the milter, also where `user` is empty */
	char group[64]; /* that of GID */
	uid_t uid;
	gid_t own_gid, gid; /* GID: of socket_group */
	const char *etc;    /* Postfix's */
	char queue[PATH_MAX];
	bool locked; /* its smtpd sees nothing but QUEUE */
};

static void cm_say(struct cm *cm, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void
cm_say(struct cm *cm, const char *fmt, ...)
{
	const struct conf_mark *mark = &cm->config->milter.mark;
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	if (cm->become)
		conf_error(cm->errors, mark, "%s", text);
	else
		conf_warning(cm->errors, mark, "%s", text);
	free(text);
}

/* --- who it is -------------------------------------------------------------------- */

static bool
cm_accounts(struct cm *cm)
{
	const struct milter_conf *m = &cm->config->milter;
	const struct passwd *pw =
		m->user[0] != '\0' ? getpwnam(m->user) : getpwuid(geteuid());
	const struct group *gr;

	if (pw == NULL) {
		cm_say(cm,
		       "milter.user: there is no account %s; `adduser --system "
		       "--group %s` makes it",
		       m->user, m->user);
		return false;
	}
	snprintf(cm->user, sizeof(cm->user), "%s", pw->pw_name);
	cm->uid = pw->pw_uid;
	cm->gid = cm->own_gid = pw->pw_gid;
	if (m->socket_group[0] != '\0' &&
	    jail_find_group(m->socket_group, &cm->gid) < 0) {
		cm_say(cm,
		       "milter.socket_group: there is no group %s; name the "
		       "one that the mail server's processes have, or \"\" for "
		       "the user's own",
		       m->socket_group);
		return false;
	}
	gr = getgrgid(cm->gid);
	snprintf(cm->group, sizeof(cm->group), "%s",
		 gr != NULL ? gr->gr_name : m->socket_group);
	return true;
}

/* Is USER in the group, by its own or as a member? */
static bool
cm_is_member(const struct cm *cm)
{
	const struct group *gr = getgrgid(cm->gid);

	if (cm->own_gid == cm->gid)
		return true;
	for (char **name = gr != NULL ? gr->gr_mem : NULL;
	     name != NULL && *name != NULL; name++)
		if (strcmp(*name, cm->user) == 0)
			return true;
	return false;
}

/* --- the way to the socket -------------------------------------------------------- */

/* May the mail server's processes do BITS (of others) there? They have the group,
 * and usually the user of its name. */
static bool
cm_group_may(const struct cm *cm, const struct stat *st, mode_t bits)
{
	const struct passwd *pw = getpwnam(cm->group);
	mode_t has = pw != NULL && pw->pw_uid == st->st_uid ? st->st_mode >> 6
		     : st->st_gid == cm->gid                ? st->st_mode >> 3
							    : st->st_mode;

	return (has & bits) == bits;
}

static bool
cm_user_may(const struct cm *cm, const struct stat *st, mode_t bits)
{
	bool group = st->st_gid == cm->own_gid ||
		     (st->st_gid == cm->gid && cm_is_member(cm));
	mode_t has = st->st_uid == cm->uid ? st->st_mode >> 6
		     : group               ? st->st_mode >> 3
					   : st->st_mode;

	return cm->uid == 0 || (has & bits) == bits;
}

/* Folders that everybody uses, whoever has them: in a container of users all that
 * is root's may be nobody's. */
static const char *const cm_shared[] = {
	"/",          "/bin",      "/boot",      "/dev",      "/dev/shm",
	"/etc",       "/home",     "/lib",       "/mnt",      "/opt",
	"/proc",      "/root",     "/run",       "/run/lock", "/sbin",
	"/srv",       "/sys",      "/tmp",       "/usr",      "/usr/lib",
	"/usr/local", "/var",      "/var/cache", "/var/lib",  "/var/lib/misc",
	"/var/log",   "/var/mail", "/var/spool", "/var/tmp",
};
/* Postfix's own, below its queue directory. */
static const char *const cm_queues[] = {
	"active", "bounce",  "corrupt", "defer",    "deferred", "dev",
	"etc",    "flush",   "hold",    "incoming", "lib",      "maildrop",
	"pid",    "private", "public",  "saved",    "trace",    "usr",
};

static bool
cm_is_one_of(const char *name, const char *const names[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* DIR below Postfix's queue directory, "" for that itself; NULL: elsewhere. */
static const char *
cm_below_queue(const struct cm *cm, const char *dir)
{
	size_t len = strlen(cm->queue);

	if (strncmp(dir, cm->queue, len) != 0)
		return NULL;
	return dir[len] == '/' ? dir + len + 1 : dir[len] == '\0' ? "" : NULL;
}

/* May owner and mode of DIR, without links, be changed for the milter? Then
 * nobody else rests on them: it is the user's, or where we put it. */
static bool
cm_is_its_own(const struct cm *cm, const char *dir, const struct stat *st)
{
	const char *below = cm_below_queue(cm, dir);

	if (below != NULL && strcmp(below, "belfry") == 0)
		return st->st_uid == 0 || st->st_uid == cm->uid;
	if (st->st_uid != cm->uid || cm->uid == 0 || (st->st_mode & S_IWOTH))
		return false;
	if (below != NULL)
		return below[0] != '\0' &&
		       !cm_is_one_of(below, cm_queues,
				     sizeof(cm_queues) / sizeof(*cm_queues));
	return !cm_is_one_of(dir, cm_shared,
			     sizeof(cm_shared) / sizeof(*cm_shared));
}

/* WHAT is wrong with DIR, which is not to be changed. */
static void
cm_say_elsewhere(struct cm *cm, const char *what, const char *dir,
		 const struct stat *st)
{
	const char *below = cm_below_queue(cm, dir);
	char *own;

	if (cm->locked || below != NULL)
		own = xasprintf("%s/belfry%s", cm->queue,
				below != NULL && strcmp(below, "belfry") == 0
					? "-milter" /* another's */
					: "");
	else if (strcmp(dir, "/") == 0 || (st->st_mode & S_IWOTH))
		own = xstrdup("/run/belfry-milter");
	else
		own = xasprintf("%s/belfry-milter", dir);
	cm_say(cm,
	       "milter.socket: %s, and that is not its own; give it a folder "
	       "of its own, `install -d -o %s -g %s -m 2750 %s`, and the "
	       "socket "
	       "unix:%s/milter.sock",
	       what, cm->user, cm->group, own, own);
	free(own);
}

static void
cm_cant_make(struct cm *cm, const char *dir, const struct stat *st, bool own)
{
	char *what = xasprintf("user %s can't make it in %s", cm->user, dir);

	if (own)
		cm_say(cm,
		       "milter.socket: %s; `install -d -o %s -g %s -m 2750 %s` "
		       "mends it",
		       what, cm->user, cm->group, dir);
	else
		cm_say_elsewhere(cm, what, dir, st);
	free(what);
}

static void
cm_cant_give(struct cm *cm, const char *dir, const struct stat *st, bool own)
{
	char *what = xasprintf("unless root starts it, user %s can't give it "
			       "to group %s",
			       cm->user, cm->group);
	char *where = xasprintf("%s in %s", what, dir);

	if (own)
		cm_say(cm,
		       "milter.socket: %s; `chgrp %s %s; chmod g+s %s` does it",
		       what, cm->group, dir, dir);
	else
		cm_say_elsewhere(cm, where, dir, st);
	free(where);
	free(what);
}

/* The folder itself: made as its own in the way that tmpfiles.d has it. */
static void
cm_folder(struct cm *cm, const char *dir, const struct stat *st)
{
	char *whole = realpath(dir, NULL);
	bool own;

	if (whole == NULL)
		return; /* it is gone meanwhile */
	own = cm_is_its_own(cm, whole, st);
	if (!cm_user_may(cm, st, S_IWOTH | S_IXOTH))
		cm_cant_make(cm, whole, st, own);
	else if (!((st->st_mode & S_ISGID) && st->st_gid == cm->gid) &&
		 !cm_is_member(cm))
		cm_cant_give(cm, whole, st, own);
	free(whole);
}

/* DIR keeps the mail server out. Postfix's queue directory may be opened, since
 * Postfix makes it so. */
static void
cm_closed(struct cm *cm, const char *dir, const struct stat *st)
{
	char *whole = realpath(dir, NULL);

	if (whole != NULL &&
	    (strcmp(whole, cm->queue) == 0 || cm_is_its_own(cm, whole, st)))
		cm_say(cm,
		       "milter.socket: the folder %s is closed to group %s, so "
		       "the mail server can't reach the socket; `chmod o+x %s` "
		       "opens it, or a socket elsewhere",
		       dir, cm->group, dir);
	else
		cm_say(cm,
		       "milter.socket: the folder %s is closed to group %s, so "
		       "the mail server can't reach the socket; put it "
		       "elsewhere",
		       dir, cm->group);
	free(whole);
}

/* Each folder on the way lets the mail server pass. False: one is not there
 * yet, or can't be seen. */
static bool
cm_way(struct cm *cm, char *dir, struct stat *st)
{
	bool there = true;

	for (char *at = dir; there && at != NULL;) {
		at = strchr(at + 1, '/');
		if (at != NULL)
			*at = '\0';
		there = stat(dir, st) == 0;
		if (there && !cm_group_may(cm, st, S_IXOTH))
			cm_closed(cm, dir, st);
		if (at != NULL)
			*at = '/';
	}
	return there;
}

static void
cm_mode(struct cm *cm)
{
	const struct milter_conf *m = &cm->config->milter;

	if ((m->socket_mode & GROUP_RW) == GROUP_RW ||
	    (m->socket_mode & OTHER_RW) == OTHER_RW)
		return;
	cm_say(cm,
	       "milter.socket_mode %s: group %s can't use the socket, and so "
	       "not the mail server either; \"0660\" lets it",
	       m->socket_mode_text, cm->group);
}

static void
cm_socket(struct cm *cm, const char *path)
{
	char *dir = xstrdup(path), *slash = strrchr(dir, '/');
	struct stat st;

	cm_mode(cm);
	slash[slash == dir] = '\0';
	if (cm_way(cm, dir, &st))
		cm_folder(cm, dir, &st);
	free(dir);
}

/* --- Postfix ---------------------------------------------------------------------- */

/* The value of NAME in main.cf, in BUF. */
static bool
cm_main_cf(const char *etc, const char *name, char *buf, size_t size)
{
	char *path = xasprintf("%s/main.cf", etc), line[1024], value[512];
	FILE *file = fopen(path, "re");
	bool found = false;
	size_t len = strlen(name);

	free(path);
	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, name, len) == 0 &&
		    sscanf(line + len, " = %511s", value) == 1) {
			snprintf(buf, size, "%s", value);
			found = true;
		}
	if (file != NULL)
		fclose(file);
	return found;
}

/* What takes mail, `smtp inet n - y - - smtpd`, also behind postscreen (`pass`):
 * the fifth says whether it is locked in. */
static bool
cm_is_locked(const char *etc)
{
	char *path = xasprintf("%s/master.cf", etc), line[1024];
	char type[16], chroot[16], program[64];
	FILE *file = fopen(path, "re");
	bool locked = false;

	free(path);
	while (file != NULL && !locked &&
	       fgets(line, sizeof(line), file) != NULL)
		locked = line[0] != '#' && line[0] != ' ' &&
			 sscanf(line, "%*s %15s %*s %*s %15s %*s %*s %63s",
				type, chroot, program) == 3 &&
			 (strcmp(type, "inet") == 0 ||
			  strcmp(type, "pass") == 0) &&
			 strcmp(program, "smtpd") == 0 &&
			 strcmp(chroot, "y") == 0;
	if (file != NULL)
		fclose(file);
	return locked;
}

static void
cm_find_postfix(struct cm *cm)
{
	const char *etc = getenv("MAIL_CONFIG"); /* as Postfix's programs do */

	cm->etc = etc != NULL ? etc : POSTFIX_ETC;
	snprintf(cm->queue, sizeof(cm->queue), "%s", POSTFIX_QUEUE);
	cm_main_cf(cm->etc, "queue_directory", cm->queue, sizeof(cm->queue));
	cm->locked = cm_is_locked(cm->etc);
}

/* Can it see PATH from its queue directory, if it is locked in there? */
static void
cm_postfix(struct cm *cm, const char *path)
{
	const char *below = cm_below_queue(cm, path);

	if (!cm->locked || (below != NULL && below[0] != '\0'))
		return;
	cm_say(cm,
	       "milter.socket: Postfix's smtpd is locked into %s (the `y` in "
	       "%s/master.cf) and can't see %s; put it there, like "
	       "unix:%s/belfry/milter.sock",
	       cm->queue, cm->etc, path, cm->queue);
}

/* --- whose mail is ours ----------------------------------------------------------- */

static void
cm_ours(struct cm *cm)
{
	const struct milter_ours_conf *o = &cm->config->milter.ours;
	struct sockaddr_any loopback;

	sockaddr_parse_ip("127.0.0.1", 0, &loopback);
	if (!network_list_has(&o->clients, &loopback))
		conf_warning(cm->errors, &cm->config->milter.mark,
			     "milter.ours.networks lacks `loopback`: what "
			     "programs of this machine send is judged as a "
			     "stranger's, and not signed");
}

/* --- the whole -------------------------------------------------------------------- */

/* As the milter will read them: where we are root and can be that user. */
static void
cm_keys(struct cm *cm)
{
	if (cm->become || geteuid() != 0 ||
	    cm->config->milter.user[0] == '\0' || cm->errors->total > 0)
		return; /* they are looked at anyway */
	if (jail_borrow(cm->user, cm->own_gid) < 0)
		return;
	config_dkim_look(cm->config, true, cm->errors);
	jail_return();
}

void
check_milter(const struct config *c, bool become, struct conf_errors *e)
{
	struct cm cm = {.config = c, .errors = e, .become = become};
	const char *address = c->milter.socket;

	if (!config_has_milter(c))
		return;
	cm_ours(&cm);
	cm_find_postfix(&cm);
	if (strncmp(address, "unix:", 5) == 0) {
		cm_postfix(&cm, address + 5);
		if (cm_accounts(&cm))
			cm_socket(&cm, address + 5);
	} else {
		(void)cm_accounts(&cm);
	}
	if (cm.user[0] != '\0')
		cm_keys(&cm);
}
