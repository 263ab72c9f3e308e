/*
 * alerts_conf_impl - what the tables of the section share.
 */
#ifndef ALERT_ALERTS_CONF_IMPL_H
#define ALERT_ALERTS_CONF_IMPL_H

#include "alert/alerts_conf.h"

#define ALERT_NAME_MAX 64
#define ALERT_URL_LEN  2048

extern const struct conf_table alert_source_table;
extern const struct conf_table alert_receiver_table;
extern const struct conf_table alert_route_table;
extern const struct conf_table alert_inhibit_table;
extern const struct conf_table alert_maintenance_table;

/* A char * that people, routes or keys of others name: no slash, since it is
 * part of names that have some, and no control characters. */
conf_check_fn alert_check_name;
/* A struct conf_strings of mail addresses. */
conf_check_fn alert_check_addresses;
/* A char *: one address. */
conf_check_fn alert_check_address;
/* A char *: "", or http:// or https:// with a host. */
conf_check_fn alert_check_url_or_none;
/* The same without "". */
conf_check_fn alert_check_url;

#endif
