#include "milter/ours.h"

#include <string.h>

/* A unix socket is as good as loopback: both are this machine. */
static bool
ours_network(const struct milter_ours_conf *conf,
	     const struct sockaddr_any *address)
{
	struct sockaddr_any loopback;

	if (address->ss.ss_family != AF_UNIX)
		return network_list_has(&conf->clients, address);
	sockaddr_parse_ip("127.0.0.1", 0, &loopback);
	return network_list_has(&conf->clients, &loopback);
}

const char *
milter_is_ours(const struct milter_ours_conf *conf,
	       const struct milter_client *client)
{
	if (conf->authenticated && client->auth_type != NULL &&
	    client->auth_type[0] != '\0')
		return "authenticated";
	for (size_t i = 0; client->daemon_name != NULL && i < conf->daemons.n;
	     i++)
		if (strcmp(conf->daemons.v[i], client->daemon_name) == 0)
			return "daemon";
	return ours_network(conf, &client->address) ? "network" : NULL;
}
