#include "cli/api_client.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/xalloc.h"
#include "cli/text.h"
#include "config/config.h"

#define API_BODY_MAX  (256 << 20) /* of an answer: a page of large messages */
#define API_TIMEOUT_S 60L

/* --- which path ------------------------------------------------------------ */

/* What conf_load() understood stays in the struct, errors or not. */
static char *
api_path_of(const struct config *c, enum api_path which)
{
	const char *state =
		c->state_dir != NULL ? c->state_dir : "/var/lib/belfry";

	switch (which) {
	case API_ADMIN_SOCKET:
		return xstrdup(c->admin_socket != NULL
				       ? c->admin_socket
				       : "/run/belfry/admin.sock");
	case API_SUBMIT_SOCKET:
		return xstrdup(c->submit_socket != NULL
				       ? c->submit_socket
				       : "/run/belfry/submit.sock");
	case API_DROP_DIR:
		if (c->drop_dir != NULL && c->drop_dir[0] != '\0')
			return xstrdup(c->drop_dir);
		return xasprintf("%s/drop", state);
	}
	abort();
}

char *
api_path(const struct cli *cli, enum api_path which)
{
	struct config c = {0};
	struct conf_errors e;
	struct arena arena;
	char *path = NULL;

	if (access(cli->conf_path, R_OK) < 0) {
		if (!cli->conf_given)
			return api_path_of(&c, which);
		cli_say("can't read %s: %s; `-c FILE` names another "
			"configuration",
			cli->conf_path, strerror(errno));
		return NULL;
	}
	arena_init(&arena);
	conf_errors_init(&e);
	conf_load(cli->conf_path, &config_table, &arena, &e, &c);
	path = api_path_of(&c, which);
	if (e.total > 0)
		cli_say("%s has mistakes (`belfry check` shows them); using "
			"%s",
			cli->conf_path, path);
	conf_errors_done(&e);
	arena_done(&arena);
	return path;
}

/* --- the request ----------------------------------------------------------- */

static size_t
api_take(char *data, size_t size, size_t n, void *arg)
{
	return buf_append(arg, data, size * n) == 0 ? size * n : 0;
}

static int
api_unreachable(CURL *curl, CURLcode code, const char *socket)
{
	long os_errno = 0;

	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &os_errno);
	if (os_errno == EACCES || os_errno == EPERM) {
		cli_say("not allowed to use %s; run this as root or as a "
			"member of the socket's group",
			socket);
		return CLI_NOT_ALLOWED;
	}
	if (code == CURLE_OPERATION_TIMEDOUT) {
		cli_say("belfryd did not answer at %s in time; try again",
			socket);
		return CLI_LATER;
	}
	cli_say("can't reach belfryd at %s: %s; is it running? "
		"(`systemctl status belfryd`)",
		socket,
		os_errno != 0 ? strerror((int)os_errno)
			      : curl_easy_strerror(code));
	return CLI_UNREACHABLE;
}

/* One for all requests, so that they share a connection. */
static struct {
	CURL *curl;
	char *socket;
} api_link;

void
api_close(void)
{
	curl_easy_cleanup(api_link.curl);
	free(api_link.socket);
	api_link.curl = NULL;
	api_link.socket = NULL;
}

static CURL *
api_curl(const char *socket, const char *method, const char *url,
	 const char *body, struct buf *answer)
{
	CURL *curl = api_link.curl;

	if (curl == NULL)
		curl = api_link.curl = curl_easy_init();
	if (curl == NULL)
		return NULL;
	curl_easy_reset(curl); /* but for what is connected */
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, API_TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, api_take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	if (body != NULL)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	return curl;
}

/* CLI_OK with the status and the body of the answer. */
static int
api_request(const char *socket, const char *method, const char *path,
	    const char *body, long *ret_status, struct buf *answer)
{
	char *url = xasprintf("http://belfry/api/v1/%s", path);
	CURL *curl = api_curl(socket, method, url, body, answer);
	CURLcode code = CURLE_FAILED_INIT;
	int r = CLI_OK;

	if (curl != NULL)
		code = curl_easy_perform(curl);
	if (code == CURLE_OK)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
	else
		r = api_unreachable(curl, code, socket);
	free(url);
	return r;
}

static int
api_exit_of(long status)
{
	switch (status) {
	case 400:
	case 405:
		return CLI_USAGE;
	case 401:
	case 403:
		return CLI_NOT_ALLOWED;
	case 404:
		return CLI_NO_ID;
	case 409:
	case 429:
	case 503:
		return CLI_LATER;
	default:
		return CLI_WRONG;
	}
}

static int
api_refused(long status, const json_t *json, const char *about)
{
	const char *error = api_str(json, "error"), *help;

	help = api_str(json, "help");
	if (error[0] == '\0')
		cli_say("%s%sbelfryd answered with status %ld and no reason",
			about != NULL ? about : "", about != NULL ? ": " : "",
			status);
	else
		cli_say("%s%s%s%s%s", about != NULL ? about : "",
			about != NULL ? ": " : "", error,
			help[0] != '\0' ? "; " : "", help);
	return api_exit_of(status);
}

static int
api_understand(long status, const struct buf *answer, const char *about,
	       json_t **ret)
{
	json_t *json = json_loadb(buf_str(answer), answer->len, 0, NULL);
	int r;

	if (status >= 200 && status < 300 && json_is_object(json)) {
		*ret = json;
		return CLI_OK;
	}
	if (status >= 200 && status < 300) {
		cli_say("belfryd's answer is no JSON object; are belfry and "
			"belfryd of one version?");
		r = CLI_WRONG;
	} else {
		r = api_refused(status, json, about);
	}
	json_decref(json);
	return r;
}

/* The socket is looked up once. */
static int
api_ask(const struct cli *cli, const char *method, const char *path,
	const char *body, long *ret_status, struct buf *answer)
{
	if (api_link.socket == NULL)
		api_link.socket = api_path(cli, API_ADMIN_SOCKET);
	if (api_link.socket == NULL)
		return CLI_CONFIG;
	return api_request(api_link.socket, method, path, body, ret_status,
			   answer);
}

int
api_call(const struct cli *cli, const char *method, const char *path,
	 const json_t *body, const char *about, json_t **ret)
{
	char *text = NULL;
	struct buf answer;
	long status = 0;
	int r;

	if (body != NULL)
		text = json_dumps(body, JSON_COMPACT);
	else if (strcmp(method, "POST") == 0)
		text = xstrdup("");
	buf_init(&answer, API_BODY_MAX);
	r = api_ask(cli, method, path, text, &status, &answer);
	if (r == CLI_OK)
		r = api_understand(status, &answer, about, ret);
	buf_done(&answer);
	free(text);
	return r;
}

int
api_fetch(const struct cli *cli, const char *path, const char *about,
	  struct buf *ret, bool *ret_partial)
{
	long status = 0;
	json_t *json;
	int r = api_ask(cli, "GET", path, NULL, &status, ret);

	*ret_partial = status == 206;
	if (r != CLI_OK || (status >= 200 && status < 300))
		return r;
	json = json_loadb(buf_str(ret), ret->len, 0, NULL);
	r = api_refused(status, json, about);
	json_decref(json);
	return r;
}

int
api_add_query(struct buf *query, const char *name, const char *value)
{
	int r = buf_printf(query, "&%s=", name);

	for (const char *p = value; r == 0 && *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 128 && (isalnum(c) || strchr("-._~", c) != NULL))
			r = buf_append_char(query, (char)c);
		else
			r = buf_printf(query, "%%%02X", c);
	}
	return r;
}

char *
api_who(void)
{
	const char *sudo = getenv("SUDO_USER");
	const struct passwd *pw;

	if (getuid() == 0 && sudo != NULL && sudo[0] != '\0')
		return text_clean(sudo);
	pw = getpwuid(getuid());
	return pw != NULL ? xstrdup(pw->pw_name)
			  : xasprintf("uid %ld", (long)getuid());
}

/* --- the answer ------------------------------------------------------------ */

const char *
api_str(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s != NULL ? s : "";
}

int64_t
api_int(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

bool
api_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

void
api_print_pause(const json_t *pause, FILE *out)
{
	char since[TEXT_MAX], until[TEXT_MAX] = "resumed";

	if (!api_true(pause, "paused"))
		return;
	text_time(api_int(pause, "since_ms"), since);
	if (api_int(pause, "until_ms") > 0)
		text_time(api_int(pause, "until_ms"), until);
	fprintf(out, "PAUSED%s since %s until %s: ",
		api_true(pause, "alerts") ? ", alerts too," : "", since, until);
	text_put(api_str(pause, "reason"), out);
	fputc('\n', out);
}

void
api_print_line(const json_t *object)
{
	json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	putchar('\n');
}

bool
api_only_json(const struct cli *cli, int argc, char **argv, bool *ret_json)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j') {
			cli_usage(cli);
			return false;
		}
		*ret_json = true;
	}
	if (optind == argc)
		return true;
	cli_usage(cli);
	return false;
}
