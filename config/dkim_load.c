#include "config/dkim_load.h"

#include <errno.h>
#include <stdlib.h>

#include "base/xalloc.h"

/* What is being loaded; KEYS is NULL where they are only looked at. */
struct dl {
	const struct config *config;
	struct conf_errors *errors;
	bool strictly;
	struct dkim_keys *keys;
};

int
dkim_load_key(const char *path, const char *text, size_t len,
	      struct dkim_key **ret, char **ret_why)
{
	int r = dkim_key_parse(text, len, ret);

	if (r == 0)
		return 0;
	if (r == -ENOTSUP)
		*ret_why = xasprintf("the key in %s is neither of RSA nor of "
				     "Ed25519",
				     path);
	else if (r == -EKEYREJECTED)
		*ret_why =
			xasprintf("the RSA key in %s has not from %d to %d "
				  "bits",
				  path, DKIM_RSA_BITS_MIN, DKIM_RSA_BITS_MAX);
	else
		*ret_why = xasprintf("%s has no private key in PEM that can be "
				     "read without a passphrase",
				     path);
	return -EINVAL;
}

/* The secret; NULL with 0: not to be read by who asks, and no mistake. */
static int
dl_read(struct dl *dl, const struct dkim_selector_conf *conf,
	struct secret **ret)
{
	enum secrets_mode mode = (enum secrets_mode)dl->config->secrets.mode;
	char *why = NULL;

	*ret = NULL;
	if (dl->strictly)
		return secret_read(&conf->key, "key", mode, dl->errors, ret);
	if (!secret_look(&conf->key, "key", mode, false, dl->errors))
		return -EINVAL;
	(void)secret_load(&conf->key, mode, ret, &why);
	free(why);
	return 0;
}

static int
dl_selector(struct dl *dl, const struct dkim_selector_conf *conf,
	    struct dkim_rule *rule)
{
	bool file = conf->key.file.text[0] != '\0';
	const char *place = file ? conf->key.file.text : conf->key.env.text;
	struct secret *secret = NULL;
	struct dkim_key *key = NULL;
	char *why = NULL;
	int r = dl_read(dl, conf, &secret);

	if (r < 0 || secret == NULL)
		return r;
	r = dkim_load_key(place, secret->bytes, secret->len, &key, &why);
	if (r < 0)
		conf_error(dl->errors, secret_mark(&conf->key), "%s", why);
	else if (rule != NULL)
		dkim_rule_add(rule, conf->name, key);
	else
		dkim_key_free(&key);
	free(why);
	secret_free(&secret);
	return r;
}

static int
dl_rule(struct dl *dl, const struct dkim_rule_conf *conf)
{
	struct dkim_rule *rule = NULL;
	struct pattern *match = NULL;
	char *why = NULL;
	int result = 0;

	/* Its check took it. */
	if (dl->keys != NULL &&
	    pattern_new(conf->match, dl->config->recipient_delimiter[0], &match,
			&why) < 0) {
		conf_error(dl->errors, &conf->mark, "`%s` is no pattern: %s",
			   conf->match, why);
		free(why);
		return -EINVAL;
	}
	if (dl->keys != NULL)
		rule = dkim_keys_add(dl->keys, match, dkim_conf_domain(conf));
	for (size_t i = 0; i < conf->selectors.n; i++) {
		int r = dl_selector(dl, dkim_conf_selector(conf, i), rule);

		result = result == 0 ? r : result;
	}
	return result;
}

static int
dl_rules(struct dl *dl)
{
	const struct dkim_conf *conf = &dl->config->dkim;
	int result = 0;

	for (size_t i = 0; i < conf->sign.n; i++) {
		int r = dl_rule(dl, dkim_conf_rule(conf, i));

		result = result == 0 ? r : result;
	}
	return result;
}

int
config_dkim_load(const struct config *c, struct conf_errors *e,
		 struct dkim_keys **ret)
{
	struct dl dl = {.config = c, .errors = e, .strictly = true};

	dl.keys = dkim_keys_new();
	if (dl_rules(&dl) < 0) {
		dkim_keys_unref(&dl.keys);
		return -EINVAL;
	}
	*ret = dl.keys;
	return 0;
}

/* Does a rule match A? */
static bool
dl_has_rule(const struct config *c, const struct address *a)
{
	for (size_t i = 0; i < c->dkim.sign.n; i++) {
		struct pattern *match = NULL;
		char *why = NULL;
		bool has;

		if (pattern_new(dkim_conf_rule(&c->dkim, i)->match,
				c->recipient_delimiter[0], &match, &why) < 0) {
			free(why);
			continue;
		}
		has = pattern_match(match, a);
		pattern_free(&match);
		if (has)
			return true;
	}
	return false;
}

/* What belfryd writes itself. */
static void
dl_warn_own(const struct config *c, struct conf_errors *e)
{
	struct arena arena;
	struct address a;
	const char *why;

	if (c->dkim.sign.n == 0 || c->listeners.n == 0)
		return;
	arena_init(&arena);
	if (address_parse(arena_printf(&arena, "MAILER-DAEMON@%s", c->hostname),
			  &arena, &a, &why) == 0 &&
	    !dl_has_rule(c, &a))
		conf_warning(e, &dkim_conf_rule(&c->dkim, 0)->mark,
			     "bounces leave unsigned: no rule matches "
			     "MAILER-DAEMON@%s, who sends them",
			     c->hostname);
	arena_done(&arena);
}

void
config_dkim_look(const struct config *c, bool strictly, struct conf_errors *e)
{
	struct dl dl = {.config = c, .errors = e, .strictly = strictly};

	(void)dl_rules(&dl);
	dl_warn_own(c, e);
}
