/*
 * alert_v2_config - our routing as a configuration of Alertmanager.
 *
 * For `amtool config routes`, and for who looks: the route tree, the names of
 * the receivers and what inhibits. What Alertmanager has no key for, how
 * receivers are reached, and all secrets, stay out. Pure.
 */
#ifndef RELAY_ALERT_V2_CONFIG_H
#define RELAY_ALERT_V2_CONFIG_H

#include "alert/alerts_conf.h"
#include "base/buf.h"

#define ALERT_V2_CONFIG_MAX (4 * 1024 * 1024)

/* YAML into OUT, which is cut at its ceiling. */
void alert_v2_config(const struct alerts_conf *conf, struct buf *out);
/* The name of the receiver at AT, in the order of Alertmanager's list; NULL:
 * there are no more. */
const char *alert_v2_receiver(const struct alerts_conf *conf, size_t at);

#endif
