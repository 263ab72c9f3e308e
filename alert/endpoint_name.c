#include "alert/endpoint_name.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

/* Pieces, each with its NUL, so that none runs into the next. */
static void
en_add(EVP_MD_CTX *sum, const char *piece)
{
	must(EVP_DigestUpdate(sum, piece, strlen(piece) + 1) == 1);
}

static void
en_add_secret(EVP_MD_CTX *sum, const struct secret_conf *secret)
{
	en_add(sum, secret->file.text);
	en_add(sum, secret->env.text);
}

static void
en_add_webhook(EVP_MD_CTX *sum, const struct alert_webhook_conf *w)
{
	en_add(sum, w->url);
	en_add_secret(sum, &w->url_secret);
}

static void
en_add_exec(EVP_MD_CTX *sum, const struct alert_exec_conf *x)
{
	for (size_t i = 0; i < x->command.n; i++)
		en_add(sum, x->command.v[i]);
}

static void
en_add_entry(EVP_MD_CTX *sum, enum channel channel, const void *entry)
{
	switch (channel) {
	case CHANNEL_SLACK:
		en_add_secret(sum,
			      &((const struct alert_slack_conf *)entry)->url);
		return;
	case CHANNEL_WEBHOOK:
		en_add_webhook(sum, entry);
		return;
	case CHANNEL_PAGERDUTY:
		en_add_secret(sum, &((const struct alert_pagerduty_conf *)entry)
					    ->routing_key);
		return;
	case CHANNEL_NTFY:
		en_add(sum, ((const struct alert_ntfy_conf *)entry)->url);
		return;
	case CHANNEL_TEAMS:
		en_add_secret(sum,
			      &((const struct alert_teams_conf *)entry)->url);
		return;
	case CHANNEL_EXEC:
		en_add_exec(sum, entry);
		return;
	case CHANNEL_MAIL:
	case CHANNEL_NCHANNEL:
		break;
	}
	abort();
}

const char *
endpoint_name(struct arena *a, const char *receiver, enum channel channel,
	      const void *entry)
{
	/* the first member of each */
	const char *name = *(char *const *)entry;
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *sum;

	if (name[0] != '\0')
		return arena_printf(a, "%s/%s/%s", receiver,
				    channel_names[channel], name);
	sum = EVP_MD_CTX_new();
	must(sum != NULL && EVP_DigestInit(sum, EVP_sha256()) == 1);
	en_add_entry(sum, channel, entry);
	must(EVP_DigestFinal(sum, digest, NULL) == 1);
	EVP_MD_CTX_free(sum);
	return arena_printf(a, "%s/%s/%02x%02x%02x%02x", receiver,
			    channel_names[channel], digest[0], digest[1],
			    digest[2], digest[3]);
}
