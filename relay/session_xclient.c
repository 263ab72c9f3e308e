/*
 * Another host tells whose session this is. From then on the session is that
 * client's, for trust, limits, the log and Received.
 */
#include <stdio.h>
#include <string.h>

#include "base/must.h"
#include "relay/session_impl.h"

/* Without an address it is not known whose session it is: nobody's whom we
 * trust. */
static void
session_take_address(struct session *s, const struct xclient *x)
{
	if (!xclient_has(x, XCLIENT_ADDR))
		return;
	s->no_trust = x->value[XCLIENT_ADDR][0] == '\0';
	if (!s->no_trust)
		must(sockaddr_parse_ip(x->value[XCLIENT_ADDR], 0, &s->peer) ==
		     0);
	/* The name was the other one's. */
	s->name[0] = '\0';
}

bool
session_xclient(void *arg, const struct xclient *x, bool *ret_trusted)
{
	struct session *s = arg;
	char by[sizeof(s->client_text)];
	const char *limit;

	memcpy(by, s->client_text, sizeof(by));
	s->told = true;
	session_take_address(s, x);
	if (xclient_has(x, XCLIENT_NAME))
		snprintf(s->name, sizeof(s->name), "%s",
			 x->value[XCLIENT_NAME]);
	/* TLS is with the other host, and so is what was shown in it. */
	s->client.shows_user = false;
	s->client.binding = NULL;
	session_login_as(s, x->value[XCLIENT_LOGIN]);
	session_name_client(s);
	*ret_trusted = s->client.trusted = session_trusted(s);
	log_event(&s->log, LOG_INFO, "xclient",
		  LOG_STR("client", s->client_text), LOG_STR("by", by),
		  LOG_ADDR("user", s->client.user != NULL
					   ? x->value[XCLIENT_LOGIN]
					   : NULL));
	limit = acceptor_move(s->ticket, &s->peer,
			      s->client.trusted ? ACCEPTOR_TRUSTED
						: ACCEPTOR_ANYBODY,
			      loop_mono_ms(s->all->loop));
	if (limit != NULL)
		log_event(&s->log, LOG_INFO, "rate", LOG_STR("limit", limit),
			  LOG_STR("client", s->client_text));
	return limit == NULL;
}

bool
session_knows(void *arg, const struct sockaddr_any *address)
{
	const struct session *s = arg;

	return network_list_has(s->service->trusted, address);
}

/* "name[address]"; NULL: nobody forwards it. */
const char *
session_origin(const struct session *s, char *ret, size_t size)
{
	const struct xclient *x = s->smtp.forward;

	if (x == NULL)
		return NULL;
	snprintf(ret, size, "%s[%s]",
		 x->value[XCLIENT_NAME][0] != '\0' ? x->value[XCLIENT_NAME]
						   : "unknown",
		 x->value[XCLIENT_ADDR][0] != '\0' ? x->value[XCLIENT_ADDR]
						   : "unknown");
	return ret;
}
