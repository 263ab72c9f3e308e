#include "relay/session_tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "mail/base64.h"
#include "relay/session_impl.h"

void
session_tls_settle(struct session *s)
{
	if (s->shaking)
		return;
	s->shaking = true;
	io_start_tls_server(s->io, s->service->tls, s->all->tickets);
	io_set_deadline(s->io, s->service->smtp.limits->command_time_ms);
}

static void
session_tls_log(struct session *s)
{
	const struct session_tls *tls = s->tls;
	const struct tls_peer *peer = &tls->peer;

	log_event(&s->log, tls->shown ? LOG_INFO : LOG_DEBUG, "tls",
		  LOG_STR("client", s->client_text),
		  LOG_STR("tls", tls->info.version),
		  LOG_STR("cipher", tls->info.cipher),
		  LOG_STR("resumed", tls->info.resumed ? "yes" : "no"),
		  LOG_STR("fingerprint", tls->shown ? peer->fingerprint : NULL),
		  LOG_STR("name", peer->nnames > 0 ? peer->names[0] : NULL),
		  LOG_STR("certified", !tls->shown               ? NULL
				       : session_is_certified(s) ? "yes"
								 : "no"),
		  LOG_STR("error", tls->shown ? peer->reason : NULL),
		  LOG_STR("listener", s->service->name));
}

/* Where somebody may log in; what a reload lets later goes without, and so does
 * the client of who told of it by XCLIENT. */
static void
session_tls_bind(struct session *s)
{
	uint8_t bytes[TLS_EXPORTER_LEN];
	struct buf text;

	if (s->told || s->service->smtp.auth == CONFIG_AUTH_NONE ||
	    io_tls_exporter(s->io, bytes) < 0)
		return;
	buf_init(&text, sizeof(s->tls->binding) - 1);
	must(base64_encode(bytes, sizeof(bytes), &text) == 0);
	memcpy(s->tls->binding, text.data, text.len + 1);
	buf_done(&text);
	s->client.binding = s->tls->binding;
}

static void
session_tls_opened(struct session *s)
{
	struct session_tls *tls = xcalloc(1, sizeof(*tls));

	s->tls = tls;
	must(io_tls_session(s->io, &tls->info));
	tls->shown = io_tls_peer(s->io, &tls->peer) == 0;
	snprintf(tls->what, sizeof(tls->what), "%s, %s, %d bits",
		 tls->info.version, tls->info.cipher, tls->info.bits);
	session_tls_bind(s);
	s->client.shows_user = session_user_shown(s) != NULL;
	s->progress = UINT64_MAX;
	metric_add(s->service->handshakes[SESSION_TLS_OK], 1);
	session_tls_log(s);
	smtp_in_secured(&s->smtp, tls->what);
	session_run(s);
}

void
session_tls_done(struct session *s, enum io_event event)
{
	if (event == IO_CONNECTED) {
		session_tls_opened(s);
		return;
	}
	metric_add(s->service->handshakes[SESSION_TLS_FAILED], 1);
	log_event(&s->log, LOG_INFO, "tls_failed",
		  LOG_STR("client", s->client_text),
		  LOG_STR("error", event == IO_FAILED ? io_error_text(s->io)
						      : "timeout"),
		  LOG_STR("listener", s->service->name));
}

void
session_tls_free(struct session_tls **tls)
{
	if (*tls != NULL && (*tls)->shown)
		tls_peer_done(&(*tls)->peer);
	free(*tls);
	*tls = NULL;
}

static bool
certificate_has_name(const struct tls_peer *peer,
		     const struct conf_strings *names)
{
	for (size_t i = 0; i < names->n; i++)
		for (size_t j = 0; j < peer->nnames; j++)
			if (strcasecmp(names->v[i], peer->names[j]) == 0)
				return true;
	return names->n == 0;
}

bool
session_is_certified(const struct session *s)
{
	const struct client_certificates_conf *conf = s->service->clients;
	const struct tls_peer *peer;

	if (s->told || s->tls == NULL || !s->tls->shown || conf == NULL)
		return false;
	peer = &s->tls->peer;
	for (size_t i = 0; i < conf->fingerprints.n; i++)
		if (strcmp(conf->fingerprints.v[i], peer->fingerprint) == 0)
			return true;
	return conf->ca_file.text[0] != '\0' && peer->verified &&
	       certificate_has_name(peer, &conf->names);
}
