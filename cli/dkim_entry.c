#include "cli/dkim_entry.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "config/dkim_load.h"
#include "verdict/answers.h"
#include "verdict/domain.h"

bool
dkim_choice_parse(int argc, char **argv, struct dkim_choice *ret)
{
	static const struct option options[] = {
		{"key", required_argument, NULL, 'k'},
		{"selector", required_argument, NULL, 's'},
		{"domain", required_argument, NULL, 'd'},
		{"testing", no_argument, NULL, 't'},
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	struct dkim_choice c = {.key = NULL};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'k')
			c.key = optarg;
		else if (option == 's')
			c.selector = optarg;
		else if (option == 'd')
			c.domain = optarg;
		else if (option == 't')
			c.testing = true;
		else if (option == 'j')
			c.json = true;
		else
			return false;
	}
	*ret = c;
	return optind == argc && (c.key != NULL) == (c.selector != NULL) &&
	       (c.key != NULL) == (c.domain != NULL);
}

/* --- the keys ----------------------------------------------------------------- */

static void
entries_add(struct dkim_entries *e, const char *selector, const char *domain,
	    const struct secret_conf *conf, enum secrets_mode mode)
{
	struct dkim_entry *entry;
	struct secret *secret = NULL;
	bool file = conf->file.text[0] != '\0';

	e->v = xreallocarray(e->v, e->n + 1, sizeof(*e->v));
	entry = &e->v[e->n++];
	*entry = (struct dkim_entry){
		.selector = arena_strdup(&e->arena, selector),
		.domain = arena_strdup(&e->arena, domain),
	};
	if (secret_load(conf, mode, &secret, &entry->why) < 0)
		return;
	free(entry->why); /* a warning, which `belfry check` is for */
	entry->why = NULL;
	(void)dkim_load_key(file ? conf->file.text : conf->env.text,
			    secret->bytes, secret->len, &entry->key,
			    &entry->why);
	secret_free(&secret);
}

static void
entries_of_config(const struct config *c, struct dkim_entries *e)
{
	for (size_t i = 0; i < c->dkim.sign.n; i++) {
		const struct dkim_rule_conf *rule = dkim_conf_rule(&c->dkim, i);

		for (size_t j = 0; j < rule->selectors.n; j++) {
			const struct dkim_selector_conf *s =
				dkim_conf_selector(rule, j);

			entries_add(e, s->name, dkim_conf_domain(rule), &s->key,
				    (enum secrets_mode)c->secrets.mode);
		}
	}
}

static int
entries_configured(const struct cli *cli, struct dkim_entries *e)
{
	struct config *config = NULL;
	struct conf_errors errors;
	int r = CLI_OK;

	conf_errors_init(&errors);
	if (config_load(cli->conf_path, &config, &errors) < 0) {
		conf_errors_print(&errors, stderr);
		r = CLI_CONFIG;
	} else if (config->dkim.sign.n == 0) {
		cli_say("%s signs nothing: `dkim` has no rule", cli->conf_path);
		r = CLI_CONFIG;
	} else {
		entries_of_config(config, e);
	}
	config_unref(&config);
	conf_errors_done(&errors);
	return r;
}

/* The domain as the DNS has it; NULL after it was said why it can't be. */
static const char *
choice_domain(const struct dkim_choice *choice, struct arena *arena)
{
	const char *domain =
		domain_canonical(choice->domain, strlen(choice->domain), arena);

	if (domain == NULL || !dkim_conf_is_domain(domain)) {
		cli_say("`%s` is no domain", choice->domain);
		return NULL;
	}
	if (!dkim_conf_is_selector(choice->selector)) {
		cli_say("a selector is a name for the DNS, like s2026, not "
			"`%s`",
			choice->selector);
		return NULL;
	}
	if (answers_name_ok(dkim_key_name(choice->selector, domain, arena)))
		return domain;
	cli_say("%s._domainkey.%s is too long for a name", choice->selector,
		domain);
	return NULL;
}

static int
entries_named(const struct dkim_choice *choice, struct dkim_entries *e)
{
	const char *domain = choice_domain(choice, &e->arena);
	struct secret_conf conf = {.env = {.text = ""}};
	char *here = choice->key[0] != '/' ? get_current_dir_name() : NULL;
	/* A path in any case, not a credential. */
	char *path = here != NULL ? xasprintf("%s/%s", here, choice->key)
				  : xstrdup(choice->key);

	free(here);
	conf.file.text = path;
	if (domain != NULL)
		entries_add(e, choice->selector, domain, &conf, SECRETS_WARN);
	free(path);
	return domain != NULL ? CLI_OK : CLI_USAGE;
}

int
dkim_entries_load(const struct cli *cli, const struct dkim_choice *choice,
		  struct dkim_entries *ret)
{
	struct dkim_entries e = {.n = 0};
	int r;

	arena_init(&e.arena);
	r = choice->key != NULL ? entries_named(choice, &e)
				: entries_configured(cli, &e);
	if (r == CLI_OK)
		*ret = e;
	else
		dkim_entries_free(&e);
	return r;
}

void
dkim_entries_free(struct dkim_entries *e)
{
	for (size_t i = 0; i < e->n; i++) {
		dkim_key_free(&e->v[i].key);
		free(e->v[i].why);
	}
	free(e->v);
	arena_done(&e->arena);
}

const char *
dkim_entry_record(const struct dkim_entry *e, bool testing, struct arena *arena)
{
	return arena_printf(arena, "v=DKIM1; k=%s;%s p=%s",
			    dkim_key_algorithm(e->key) == DKIM_RSA_SHA256
				    ? "rsa"
				    : "ed25519",
			    testing ? " t=y;" : "", dkim_key_public(e->key));
}
