/*
 * secret - passwords, tokens and keys, which the configuration names but never
 * holds.
 *
 * Each is said by one of two keys: `X_file`, a file, or `X_env`, the name of an
 * environment variable; SECRET_OPTIONS() makes both. A relative file is a
 * credential of systemd, below $CREDENTIALS_DIRECTORY. One newline at the end
 * of the file is dropped, any other byte but NUL is the secret's own.
 *
 * A file that everybody can read is refused, but below $CREDENTIALS_DIRECTORY
 * and /run/secrets, where who mounts it sees to that, and with
 * `secrets: {mode: warn}`.
 *
 * Secrets are read as the user who reloads will be, so not by conf_load(),
 * which programs of others call too. What was read is wiped before it is freed,
 * and no error, log or listing prints it.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/conf.h"

#define SECRET_MAX 65536 /* bytes */

/* The section `secrets`. */
struct secrets_conf {
	int mode; /* enum secrets_mode */
};
enum secrets_mode { SECRETS_REFUSE, SECRETS_WARN };
extern const struct conf_table secrets_conf_table;

/* Where one is; at most one of both. */
struct secret_conf {
	struct conf_text file, env; /* "": not there */
};

/* The two options of the secret KEY, a member struct secret_conf of struct
 * TYPE; WHAT it is stands in the reference. */
#define SECRET_OPTIONS(key, type_, member, what, file_example)                 \
	{.name = key "_file",                                                  \
	 .type = CONF_TEXT,                                                    \
	 .offset = offsetof(type_, member.file),                               \
	 .dflt = "\"\"",                                                       \
	 .help = "The file that holds " what ".",                              \
	 .example = (file_example)},                                           \
	{                                                                      \
		.name = key "_env", .type = CONF_TEXT,                         \
		.offset = offsetof(type_, member.env), .dflt = "\"\"",         \
		.help = "The environment variable that holds " what            \
			", instead of `" key "_file`."                         \
	}

bool secret_is_given(const struct secret_conf *conf);
/* The place of what was given. */
const struct conf_mark *secret_mark(const struct secret_conf *conf);
/* Not both, a whole path or a plain name, a name of a variable; for the check
 * of the table. False after reporting. */
bool secret_check(const struct secret_conf *conf, const char *key,
		  struct conf_errors *errors);

struct secret {
	size_t len;   /* at least 1 */
	char bytes[]; /* LEN, none of them NUL, and one NUL behind */
};

/* What CONF says, now; from any thread. 0, or -errno and in *RET_WHY the
 * sentence that says what mends it: -ENOKEY for what only another process may
 * know (a variable that is not set, a credential without its directory), -EPERM
 * for a file that everybody can read. With SECRETS_WARN such a one is read, and
 * *RET_WHY says so; else it is NULL. The caller frees it. */
int secret_load(const struct secret_conf *conf, enum secrets_mode mode,
		struct secret **ret, char **ret_why);
/* The same, reported as KEY's in ERRORS; *RET is NULL where none is given. 0 or
 * -EINVAL. */
int secret_read(const struct secret_conf *conf, const char *key,
		enum secrets_mode mode, struct conf_errors *errors,
		struct secret **ret);
/* The same look for `belfry check`, where it is not who will read it: that it
 * can't be read, or not be seen here, is no mistake unless STRICTLY. False
 * after reporting. */
bool secret_look(const struct secret_conf *conf, const char *key,
		 enum secrets_mode mode, bool strictly,
		 struct conf_errors *errors);
/* A file with secrets in it that has a grammar of its own: the descriptor,
 * or -errno, and *RET_WHY, as secret_load() says. */
int secret_open(const char *path, enum secrets_mode mode, char **ret_why);

bool secret_equal(const struct secret *a, const struct secret *b);
struct secret *secret_new(const void *bytes, size_t len);
/* Wiped. NULL is fine, and is left. */
void secret_free(struct secret **s);

#endif
