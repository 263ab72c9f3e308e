/*
 * The process that starts programs. It is forked as soon as root is given up,
 * while there is one thread and nothing secret is in memory. It can't be forked
 * again later, so when it is gone belfryd ends too, cleanly and with a status
 * that has the service manager start both anew: all state is in the store.
 */
#include <event2/event.h>
#include <string.h>
#include <sys/wait.h>

#include "base/spawn.h"
#include "relay/relay.h"

int
relay_spawner_start(struct relay *r)
{
	return spawner_new(&r->spawner);
}

static void
spawner_lost(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;
	int status = spawner_status(r->spawner);

	(void)fd;
	(void)what;
	event_del(r->spawner_watch);
	log_event(
		&r->log_root, LOG_ERROR, "spawner_lost",
		LOG_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
		LOG_INT("status", WIFEXITED(status) ? WEXITSTATUS(status) : 0));
	r->failed = true;
	relay_stop(r);
}

void
relay_spawner_watch(struct relay *r)
{
	r->spawner_watch =
		event_new(loop_base(relay_home(r)), spawner_fd(r->spawner),
			  EV_READ | EV_PERSIST, spawner_lost, r);
	event_add(r->spawner_watch, NULL);
}

void
relay_spawner_release(struct relay *r)
{
	if (r->spawner_watch != NULL)
		event_free(r->spawner_watch);
	spawner_free(&r->spawner);
}
