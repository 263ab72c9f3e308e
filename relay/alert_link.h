/*
 * alert_link - the pages behind the links in alerts' mails.
 *
 * What scanners of mail fetch changes nothing: GET shows a form, POST acts. The
 * token in the path is all that is asked for, so such a page is never kept by a
 * cache, and leads nowhere with its address.
 */
#ifndef RELAY_ALERT_LINK_H
#define RELAY_ALERT_LINK_H

#include "relay/http_who.h"
#include "relay/relay.h"

/* What a form posts is no longer. */
#define ALERT_LINK_BODY_MAX 8192

/* Serve a path below ALERT_PAGE_PATH, to whoever knows it. */
void alert_link_handle(struct relay *r, struct http_request *http,
		       const struct http_who *who);

#endif
