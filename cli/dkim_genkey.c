/*
 * `belfry dkim genkey`: a new private key. It works without belfryd; the
 * configuration only says who shall be able to read it.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "config/config.h"
#include "verdict/dkim_key.h"
#include "verdict/dkim_record.h"

#define BITS_USUAL  2048
#define KEY_PEM_MAX 65536

struct genkey {
	enum dkim_algorithm algorithm;
	unsigned bits;
	bool json;
	const char *path;
};

/* --- the file ------------------------------------------------------------------- */

/* The user whose group can read what root makes: belfryd's, or, of a file that is
 * for the milter alone, that one's. */
static const char *
reader_user(const struct config *c)
{
	return config_has_milter(c) && c->listeners.n == 0 ? c->milter.user
							   : c->user;
}

/* -1: it stays. */
static gid_t
reader_group(const struct cli *cli)
{
	struct config *config = NULL;
	const struct passwd *pw = NULL;
	struct conf_errors e;

	if (geteuid() != 0)
		return (gid_t)-1;
	conf_errors_init(&e);
	if (config_load(cli->conf_path, &config, &e) == 0 &&
	    reader_user(config)[0] != '\0')
		pw = getpwnam(reader_user(config));
	config_unref(&config);
	conf_errors_done(&e);
	return pw != NULL ? pw->pw_gid : (gid_t)-1;
}

static int
file_fill(int fd, const struct buf *pem, gid_t group)
{
	size_t at = 0;
	ssize_t n = 0;

	if (group != (gid_t)-1 &&
	    (fchown(fd, (uid_t)-1, group) < 0 || fchmod(fd, 0640) < 0))
		return -errno;
	while (at < pem->len &&
	       (n = write(fd, pem->data + at, pem->len - at)) >= 0)
		at += (size_t)n;
	return n < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* None is ever written over. */
static int
file_write(const char *path, const struct buf *pem, gid_t group)
{
	int fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		     0600);
	int r;

	if (fd < 0)
		return -errno;
	r = file_fill(fd, pem, group);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r < 0)
		unlink(path);
	return r;
}

/* --- the command ---------------------------------------------------------------- */

static void
genkey_say(const struct genkey *g, const struct dkim_key *key)
{
	json_t *json;

	if (!g->json) {
		printf("%s: a key for %s of %u bits\n", g->path,
		       dkim_algorithm_names[g->algorithm], dkim_key_bits(key));
		return;
	}
	json = json_pack("{s:s*, s:s, s:i, s:s}", "file", g->path, "algorithm",
			 dkim_algorithm_names[g->algorithm], "bits",
			 (int)dkim_key_bits(key), "public_key",
			 dkim_key_public(key));
	json_dumpf(json, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(json);
}

static int
genkey_run(const struct cli *cli, const struct genkey *g)
{
	struct dkim_key *key = NULL;
	struct buf pem;
	int r = dkim_key_generate(g->algorithm, g->bits, &key);

	buf_init(&pem, KEY_PEM_MAX);
	if (r == 0)
		r = dkim_key_write(key, &pem);
	if (r == 0)
		r = file_write(g->path, &pem, reader_group(cli));
	if (r < 0)
		cli_say("%s: %s", g->path, strerror(-r));
	else
		genkey_say(g, key);
	buf_wipe(&pem);
	dkim_key_free(&key);
	return r < 0 ? CLI_WRONG : CLI_OK;
}

static bool
genkey_type(struct genkey *g, const char *text)
{
	if (strcmp(text, "rsa") == 0)
		g->algorithm = DKIM_RSA_SHA256;
	else if (strcmp(text, "ed25519") == 0)
		g->algorithm = DKIM_ED25519_SHA256;
	else
		cli_say("a key is of rsa or ed25519, not of `%s`", text);
	return strcmp(text, "rsa") == 0 || strcmp(text, "ed25519") == 0;
}

static bool
genkey_bits(struct genkey *g, const char *text)
{
	char *end;
	unsigned long bits = strtoul(text, &end, 10);

	g->bits = (unsigned)bits;
	if (*end == '\0' && bits >= DKIM_RSA_BITS_MIN &&
	    bits <= DKIM_RSA_BITS_MAX)
		return true;
	cli_say("a key of RSA has from %d to %d bits", DKIM_RSA_BITS_MIN,
		DKIM_RSA_BITS_MAX);
	return false;
}

int
cli_dkim_genkey(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"type", required_argument, NULL, 't'},
		{"bits", required_argument, NULL, 'b'},
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	struct genkey g = {.algorithm = DKIM_RSA_SHA256, .bits = BITS_USUAL};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 't' ? !genkey_type(&g, optarg)
			     : c == 'b' && !genkey_bits(&g, optarg))
			return CLI_USAGE;
		if (c == 'j')
			g.json = true;
		else if (c != 't' && c != 'b')
			return cli_usage(cli);
	}
	if (argc - optind != 1)
		return cli_usage(cli);
	g.path = argv[optind];
	return genkey_run(cli, &g);
}
