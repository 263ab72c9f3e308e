/*
 * config_impl - what the files of config/ share.
 */
#ifndef CONFIG_CONFIG_IMPL_H
#define CONFIG_CONFIG_IMPL_H

#include "config/config.h"

extern const struct conf_table listener_conf_table;
extern const struct conf_table client_certificates_table;
extern const struct conf_table dkim_conf_table;
extern const struct conf_table drop_conf_table;
extern const struct conf_table http_conf_table;
extern const struct conf_table limits_conf_table;
extern const struct conf_table log_conf_table;
extern const struct conf_table milter_conf_table;
extern const struct conf_table notify_conf_table;
extern const struct conf_table rewrite_rule_table;
extern const struct conf_table tls_conf_table;
extern const struct conf_table verdict_conf_table;

/* --- domains_conf.c: checks of whose mail it is --------------------------- */

conf_check_fn config_check_domains, config_check_postmaster,
	config_check_delimiter;

/* --- alias_conf.c ------------------------------------------------------------ */

conf_check_fn config_check_aliases_file;
/* The file that C names, into its file_aliases. False after reporting. */
bool config_read_aliases(struct config *c, struct arena *arena,
			 struct conf_errors *errors);

/* --- tls_conf.c --------------------------------------------------------------- */

/* TEXT as tls_fingerprint_parse() has it, which tls.h gives a length. False
 * after reporting. */
bool config_fingerprint(const char *text, const struct conf_mark *mark,
			struct conf_errors *errors, char *ret);
/* TLS of the listeners. False after reporting. */
bool config_resolve_tls(struct config *c, struct arena *arena,
			struct conf_errors *errors);

/* --- verdict_conf.c ---------------------------------------------------------- */

/* Of those that are trusted to judge before us. False after reporting. */
bool config_resolve_verdict(struct config *c, struct arena *arena,
			    struct conf_errors *errors);

/* --- milter_conf.c ------------------------------------------------------------ */

/* False after reporting. */
bool config_resolve_milter(struct config *c, struct arena *arena,
			   struct conf_errors *errors);

/* --- alerts_check.c ----------------------------------------------------------- */

/* The networks of the sources, what rules_new() finds, and what other sections
 * have to have for it. False after reporting. */
bool config_resolve_alerts(struct config *c, struct arena *arena,
			   struct conf_errors *errors);

/* --- networks.c ------------------------------------------------------------- */

/* TEXTS as networks: CIDR, addresses, `loopback` and names of NETWORKS. False
 * after reporting. */
bool networks_resolve(const struct conf_strings *texts,
		      const struct conf_map *networks, struct arena *arena,
		      struct conf_errors *e, struct network_list *ret);
/* Every name of NETWORKS, whether something uses it or not. */
bool networks_check(const struct conf_map *networks, struct arena *arena,
		    struct conf_errors *e);
/* More than a /24 (IPv4) or /48 (IPv6) outside of the private ranges. */
bool network_is_wide(const struct network *n);

/* What one section can't see by itself, and what is written short. False after
 * reporting. */
bool config_resolve(struct config *c, struct arena *arena,
		    struct conf_errors *e);
/* The same of what belfry-milter reads. */
bool config_resolve_for_milter(struct config *c, struct arena *arena,
			       struct conf_errors *e);

#endif
