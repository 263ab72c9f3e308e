/*
 * The way out. SIGTERM: no new connections and attempts; 421 to the clients,
 * once the message that one is sending is through; the deliveries end or hand
 * back what they have; then the loops end and relay_release() takes everything
 * apart.
 */
#include "relay/notify.h"

#include <event2/event.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/tally.h"
#include "base/xalloc.h"
#include "mail/mime.h"
#include "relay/alerts.h"
#include "relay/certificates.h"
#include "relay/drop.h"
#include "relay/watchdog.h"
#include "verdict/observed.h"

static void
stop_loops(void *arg)
{
	struct relay *r = arg;

	for (size_t i = 0; i < r->nloops; i++)
		loop_stop(r->loops[i].loop);
}

/* On the home loop, once for each loop. */
static void
stop_loop_done(void *arg)
{
	struct relay_loop *rl = arg;
	struct relay *r = rl->relay;

	if (--r->stops_left == 0)
		deliver_stop(r->deliver, RELAY_GRACE_MS, stop_loops, r);
}

static void
stop_sessions_done(void *arg)
{
	struct relay_loop *rl = arg;

	loop_post(relay_home(rl->relay), &rl->post, stop_loop_done, rl);
}

static void
stop_sessions(void *arg)
{
	struct relay_loop *rl = arg;

	sessions_stop(rl->sessions, RELAY_GRACE_MS, stop_sessions_done, rl);
}

void
relay_stop(struct relay *r)
{
	if (r->stopping)
		return;
	r->stopping = true;
	sd_notify(0, "STOPPING=1");
	log_event(&r->log_root, LOG_INFO, "stop");
	for (size_t i = 0; i < PORT_NKIND; i++)
		acceptor_stop(r->acceptors[i]);
	drop_stop(r->drop);
	alerts_stop(r->alerts);
	queue_stop(r->queue);
	r->stops_left = r->nloops;
	for (size_t i = 0; i < r->nloops; i++)
		loop_post(r->loops[i].loop, &r->loops[i].post, stop_sessions,
			  &r->loops[i]);
}

static void
release_loops(struct relay *r)
{
	for (size_t i = 0; i < r->nloops; i++) {
		sessions_free(&r->loops[i].sessions);
		verifier_free(&r->loops[i].verifier);
		dns_free(&r->loops[i].dns);
	}
	for (size_t i = 0; i < r->nloops; i++)
		loop_free(&r->loops[i].loop);
	verify_kept_free(&r->kept);
	rates_free(&r->rates);
	free(r->loops);
	free(r->loop_ptrs);
	free(r->dns_ptrs);
}

void
relay_release(struct relay *r)
{
	for (size_t i = 0; i < r->nloops; i++) {
		if (!r->loops[i].running)
			continue;
		loop_stop(r->loops[i].loop);
		loop_join(r->loops[i].loop);
	}
	watchdog_stop(r->watchdog);
	drop_end(r->drop);
	certificates_free(&r->certificates);
	/* A hook that is being worked at borrows from its connection. */
	pool_end(r->cpu);
	http_server_free(&r->http);
	/* No read may be under way when the store closes, and its thread may
	 * ask for one up to then. With both gone nobody posts any more;
	 * deliver_free() runs what was posted, so what that may name is still
	 * there. */
	pool_end(r->disk);
	queue_close(&r->queue);
	pool_free(&r->disk);
	pool_free(&r->cpu);
	deliver_free(&r->deliver);
	alerts_free(&r->alerts);
	tally_free(&r->answered);
	tally_free(&r->hooks_rates);
	mime_charsets_close(&r->charsets);
	notify_free(&r->notify);
	ports_close(r);
	ports_passed_free(&r->passed);
	for (size_t i = 0; i < PORT_NKIND; i++)
		acceptor_free(&r->acceptors[i]);
	if (r->signals != NULL)
		event_free(r->signals);
	if (r->signal_fd >= 0)
		close(r->signal_fd);
	relay_spawner_release(r);
	release_loops(r);
	observed_close(&r->observed);
	logins_free(&r->logins);
	watchdog_free(&r->watchdog);
	drop_free(&r->drop);
	snapshot_unref(&r->snapshot);
	config_unref(&r->started);
	log_close(&r->log);
	metrics_free(&r->metrics);
}
