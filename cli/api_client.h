/*
 * api_client - one request to belfryd's admin socket and its answer.
 *
 * The socket is the configuration's. A file that can't be read (it need not be
 * readable by everyone who may use the socket) or is broken (somebody has just
 * edited it) does not keep the operator out: what of it was understood counts,
 * else the default.
 */
#ifndef CLI_API_CLIENT_H
#define CLI_API_CLIENT_H

#include <jansson.h>

#include "base/buf.h"
#include "cli/command.h"

enum api_path { API_ADMIN_SOCKET, API_SUBMIT_SOCKET, API_DROP_DIR };

/* The path, owned by the caller; NULL after saying why (a file given by -c that
 * isn't there). */
char *api_path(const struct cli *cli, enum api_path which);

/* METHOD on PATH below /api/v1/, BODY (NULL: none) borrowed. CLI_OK and the
 * answer's JSON, owned by the caller, in *RET; or the exit status, after saying
 * what is wrong, for ABOUT (an id) when that isn't NULL. */
int api_call(const struct cli *cli, const char *method, const char *path,
	     const json_t *body, const char *about, json_t **ret);

/* What GET on PATH answers, as it is, appended to RET; *RET_PARTIAL: its status
 * says that something is missing behind it. Else as api_call(). */
int api_fetch(const struct cli *cli, const char *path, const char *about,
	      struct buf *ret, bool *ret_partial);
/* Append "&NAME=VALUE", VALUE escaped. 0 or -EMSGSIZE. */
int api_add_query(struct buf *query, const char *name, const char *value);
/* Who sits there, for histories: their login, behind sudo too; the caller frees
 * it. */
char *api_who(void);
/* At the end. */
void api_close(void);

/* Fields, with a default when they are missing or something else. */
const char *api_str(const json_t *object, const char *key);
int64_t api_int(const json_t *object, const char *key);
bool api_true(const json_t *object, const char *key);

/* The line of a pause, when there is one. */
void api_print_pause(const json_t *pause, FILE *out);
void api_print_line(const json_t *object);

/* No option but --json, and no argument: what it says in *RET. False: the usage
 * was printed. */
bool api_only_json(const struct cli *cli, int argc, char **argv,
		   bool *ret_json);

#endif
