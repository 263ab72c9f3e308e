#include "relay/rates.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/tally.h"
#include "base/xalloc.h"

/* By whom something is counted. */
enum rates_by { RATES_IP, RATES_NETWORK, RATES_USER };
#define RATES_NBY   (RATES_USER + 1)
#define RATES_NWHAT (RATES_RECIPIENTS + 1)

struct rates {
	pthread_mutex_t lock;
	struct tally *tallies[RATES_NWHAT][RATES_NBY]; /* owned */
};

static const char *const rates_names[RATES_NWHAT][RATES_NBY] = {
	{"messages_per_ip", "messages_per_network", "messages_per_user"},
	{"recipients_per_ip", "recipients_per_network", "recipients_per_user"},
};

struct rates_key {
	const struct conf_rate *conf;
	const void *data;
	size_t len;
};

struct rates *
rates_new(void)
{
	struct rates *r = xcalloc(1, sizeof(*r));

	pthread_mutex_init(&r->lock, NULL);
	for (int what = 0; what < RATES_NWHAT; what++)
		for (int by = 0; by < RATES_NBY; by++)
			r->tallies[what][by] = tally_new(RATES_MAX);
	return r;
}

void
rates_free(struct rates **rp)
{
	struct rates *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	for (int what = 0; what < RATES_NWHAT; what++)
		for (int by = 0; by < RATES_NBY; by++)
			tally_free(&r->tallies[what][by]);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static const char *
rates_take_keys(struct rates *r, enum rates_what what,
		const struct rates_key keys[RATES_NBY], int64_t now)
{
	const char *name = NULL;

	pthread_mutex_lock(&r->lock);
	for (int by = 0; name == NULL && by < RATES_NBY; by++)
		if (keys[by].data != NULL &&
		    !tally_has_room(r->tallies[what][by], keys[by].data,
				    keys[by].len, keys[by].conf, now))
			name = rates_names[what][by];
	for (int by = 0; name == NULL && by < RATES_NBY; by++)
		if (keys[by].data != NULL)
			tally_count(r->tallies[what][by], keys[by].data,
				    keys[by].len, keys[by].conf, now);
	pthread_mutex_unlock(&r->lock);
	return name;
}

const char *
rates_take(struct rates *r, const struct rates_conf *conf, enum rates_what what,
	   const struct sockaddr_any *client, const char *user, int64_t now)
{
	bool rcpt = what == RATES_RECIPIENTS;
	struct rates_key keys[RATES_NBY] = {
		{.conf = rcpt ? &conf->recipients_per_ip
			      : &conf->messages_per_ip},
		{.conf = rcpt ? &conf->recipients_per_network
			      : &conf->messages_per_network},
		{.conf = rcpt ? &conf->recipients_per_user
			      : &conf->messages_per_user},
	};
	uint8_t ip[16], network[16];
	bool any = false;

	for (int by = 0; by < RATES_NBY; by++)
		any = any || keys[by].conf->n > 0;
	if (!any)
		return NULL;
	if (client != NULL && sockaddr_site(client, ip) &&
	    sockaddr_network(client, network)) {
		keys[RATES_IP].data = ip;
		keys[RATES_IP].len = sizeof(ip);
		keys[RATES_NETWORK].data = network;
		keys[RATES_NETWORK].len = sizeof(network);
	}
	keys[RATES_USER].data = user;
	keys[RATES_USER].len = user != NULL ? strlen(user) : 0;
	return rates_take_keys(r, what, keys, now);
}
