/*
 * web_hide - a far server's words, without what is secret of the endpoint.
 *
 * Some repeat in an error what they were asked for: the path, which is the secret
 * of many a webhook, or the token. What they say goes into the log, to people
 * and into alerts.
 */
#ifndef DELIVER_WEB_HIDE_H
#define DELIVER_WEB_HIDE_H

#include "deliver/endpoint.h"

/* In TEXT become "***": the whole path of EP's URL, each longer piece of it, its
 * password, and what it has in its own headers and puts into bodies. */
void web_hide(const struct endpoint *ep, char *text);

#endif
