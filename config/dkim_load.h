/*
 * dkim_load - the keys of the section `dkim`, read.
 *
 * Apart from config_load(), since only the user who reloads can read the keys.
 */
#ifndef CONFIG_DKIM_LOAD_H
#define CONFIG_DKIM_LOAD_H

#include "config/config.h"
#include "verdict/dkim_keys.h"
#include "verdict/dkim_record.h"

/* A reference in *RET; without rules it has none. 0, or -EINVAL with errors in
 * E. */
int config_dkim_load(const struct config *c, struct conf_errors *e,
		     struct dkim_keys **ret);
/* For `belfry check`, where who asks may not be who will read them: what can't
 * be read is then no mistake unless STRICTLY. */
void config_dkim_look(const struct config *c, bool strictly,
		      struct conf_errors *e);
/* TEXT, of the file PATH, as a key. 0, or -EINVAL with a sentence in *RET_WHY
 * that the caller frees. */
int dkim_load_key(const char *path, const char *text, size_t len,
		  struct dkim_key **ret, char **ret_why);

const struct dkim_rule_conf *dkim_conf_rule(const struct dkim_conf *c,
					    size_t i);
const struct dkim_selector_conf *
dkim_conf_selector(const struct dkim_rule_conf *r, size_t i);
/* What can stand before `._domainkey` in the DNS, and what behind it. */
bool dkim_conf_is_selector(const char *name);
bool dkim_conf_is_domain(const char *name);
/* What signs by this rule; NULL: it does not say. */
const char *dkim_conf_domain(const struct dkim_rule_conf *r);

#endif
