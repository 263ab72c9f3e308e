#include "config/tls_load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

struct tl_key {
	struct secret *secret; /* owned */
	char *name;            /* owned; for errors */
};

struct tl {
	const struct config *config;
	struct conf_errors *errors;
	bool strictly, users_show;
	size_t n;
	struct tls_pair *pairs; /* owned */
	struct tl_key *keys;    /* owned; what PAIRS borrow */
};

size_t
config_tls_npairs(const struct config *c)
{
	return c->tls.first.certificate_file.text[0] != '\0' ? 1 + c->tls.more.n
							     : 0;
}

const struct tls_pair_conf *
config_tls_pair(const struct config *c, size_t i)
{
	return i == 0 ? &c->tls.first
		      : (const struct tls_pair_conf *)c->tls.more.v + i - 1;
}

/* WHY, consumed, is what is wrong with a file. */
static int
tl_wrong(struct tl *tl, const struct conf_mark *mark, int r, char *why)
{
	bool denied = r == -EACCES;

	if (!denied || tl->strictly)
		conf_error(tl->errors, mark, "%s%s", why,
			   denied ? "; a certificate is no secret: `chmod "
				    "0644` it, and 0755 the folders above"
				  : "");
	free(why);
	return r;
}

static int
tl_read_key(struct tl *tl, const struct tls_pair_conf *conf, size_t i)
{
	enum secrets_mode mode = (enum secrets_mode)tl->config->secrets.mode;
	struct tl_key *key = &tl->keys[i];
	bool file = conf->key.file.text[0] != '\0';
	char *why = NULL;
	int r;

	key->name = file ? xstrdup(conf->key.file.text)
			 : xasprintf("$%s", conf->key.env.text);
	if (tl->strictly)
		return secret_read(&conf->key, "key", mode, tl->errors,
				   &key->secret);
	if (!secret_look(&conf->key, "key", mode, false, tl->errors))
		return -EINVAL;
	/* What it does not tell of, not to be read by who asks. */
	r = secret_load(&conf->key, mode, &key->secret, &why);
	free(why);
	return r;
}

/* By itself first, so that the error stands where the pair does. */
static int
tl_read_pair(struct tl *tl, size_t i)
{
	const struct tls_pair_conf *conf = config_tls_pair(tl->config, i);
	struct tls_server_conf one = {.pairs = &tl->pairs[i], .npairs = 1};
	struct tls_server *server = NULL;
	char *why = NULL;
	int r = tl_read_key(tl, conf, i);

	if (r < 0)
		return r;
	tl->pairs[i] = (struct tls_pair){
		.certificate_file = conf->certificate_file.text,
		.key_file = tl->keys[i].name,
		.key = tl->keys[i].secret->bytes,
	};
	r = tls_server_new(&one, &server, &why);
	tls_server_unref(&server);
	return r < 0 ? tl_wrong(tl, &conf->certificate_file.mark, r, why) : 0;
}

static int
tl_read_pairs(struct tl *tl)
{
	int result = 0;

	tl->n = config_tls_npairs(tl->config);
	tl->pairs = xcalloc(tl->n + 1, sizeof(*tl->pairs));
	tl->keys = xcalloc(tl->n + 1, sizeof(*tl->keys));
	for (size_t i = 0; i < tl->n; i++) {
		int r = tl_read_pair(tl, i);

		result = result == 0 ? r : result;
	}
	return result;
}

static bool
tl_asks(const struct tl *tl, const struct listener_conf *l)
{
	return config_asks_clients(l) ||
	       (tl->users_show && l->auth != CONFIG_AUTH_NONE);
}

static int
tl_make(struct tl *tl, const struct listener_conf *l, struct tls_server **ret)
{
	struct tls_server_conf conf = {
		.pairs = tl->pairs,
		.npairs = tl->n,
		.min_version = (enum tls_version)tl->config->tls.min_version,
		.ask_client = l != NULL && tl_asks(tl, l),
	};
	char *why = NULL;
	int r;

	if (conf.ask_client && l->clients.ca_file.text[0] != '\0')
		conf.client_ca_file = l->clients.ca_file.text;
	r = tls_server_new(&conf, ret, &why);
	if (r == 0)
		return 0;
	return tl_wrong(tl,
			conf.client_ca_file != NULL ? &l->clients.ca_file.mark
						    : &tl->config->tls.mark,
			r, why);
}

static int
tl_listeners(struct tl *tl, struct tls_loaded *ret)
{
	int result = 0;

	for (size_t i = 0; i < ret->n; i++) {
		const struct listener_conf *l = config_listener(tl->config, i);
		int r = 0;

		if (l->tls == CONFIG_TLS_NONE)
			continue;
		if (tl_asks(tl, l))
			r = tl_make(tl, l, &ret->listeners[i]);
		else
			ret->listeners[i] = tls_server_ref(ret->all);
		result = result == 0 ? r : result;
	}
	return result;
}

static void
tl_done(struct tl *tl)
{
	for (size_t i = 0; i < tl->n; i++) {
		secret_free(&tl->keys[i].secret);
		free(tl->keys[i].name);
	}
	free(tl->keys);
	free(tl->pairs);
}

static int
tl_load(struct tl *tl, struct tls_loaded *ret)
{
	int r = tl_read_pairs(tl);

	*ret = (struct tls_loaded){.n = tl->config->listeners.n};
	ret->listeners = xcalloc(ret->n + 1, sizeof(*ret->listeners));
	if (r == 0 && tl->n > 0)
		r = tl_make(tl, NULL, &ret->all);
	if (r == 0)
		r = tl_listeners(tl, ret);
	tl_done(tl);
	return r;
}

int
config_tls_load(const struct config *c, bool users_show, struct conf_errors *e,
		struct tls_loaded *ret)
{
	struct tl tl = {.config = c,
			.errors = e,
			.strictly = true,
			.users_show = users_show};
	struct tls_loaded tls;

	if (tl_load(&tl, &tls) < 0) {
		config_tls_done(&tls);
		return -EINVAL;
	}
	*ret = tls;
	return 0;
}

void
config_tls_done(struct tls_loaded *tls)
{
	for (size_t i = 0; i < tls->n; i++)
		tls_server_unref(&tls->listeners[i]);
	free(tls->listeners);
	tls_server_unref(&tls->all);
	*tls = (struct tls_loaded){.n = 0};
}

void
config_tls_look(const struct config *c, bool strictly, struct conf_errors *e)
{
	struct tl tl = {.config = c, .errors = e, .strictly = strictly};
	struct tls_loaded tls;

	(void)tl_load(&tl, &tls);
	config_tls_done(&tls);
}
