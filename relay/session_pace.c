#include "relay/session_pace.h"

#include <sys/socket.h>

#include "relay/session_impl.h"

/* During data the deadline moves on with every so many bytes. */
#define PACE_DATA_STEP (64 * 1024)
/* So long data may come at any rate. */
#define PACE_GRACE_MS 30000

/* --- until the banner ----------------------------------------------------------- */

static bool
session_has_spoken(const struct session *s)
{
	char c;

	return recv(io_fd(s->io), &c, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* A mail program waits for the banner; what doesn't wants to be rid of its
 * spam. Programs of our own may be as simple as they are. */
void
session_greet(struct session *s)
{
	int64_t delay_ms = s->service->smtp.limits->banner_delay_ms;

	if (s->smtp.trusted) {
		smtp_in_start(&s->smtp);
	} else if (session_has_spoken(s)) {
		smtp_in_end(&s->smtp, SMTP_IN_NO_EARLY);
	} else if (delay_ms > 0) {
		s->pace.silent = true;
		io_set_deadline(s->io, delay_ms);
	} else {
		smtp_in_start(&s->smtp);
	}
}

bool
session_pace_silent(struct session *s, enum io_event event)
{
	s->pace.silent = false;
	if (event == IO_INPUT)
		smtp_in_end(&s->smtp, SMTP_IN_NO_EARLY);
	else if (event == IO_DEADLINE)
		smtp_in_start(&s->smtp);
	else
		return false;
	session_run(s);
	return true;
}

/* --- data ---------------------------------------------------------------------- */

/* When data that comes no more is too slow as a whole. */
static int64_t
session_rate_due(const struct session *s)
{
	const struct limits_conf *limits = s->service->smtp.limits;
	int64_t grace_ms = limits->command_time_ms < PACE_GRACE_MS
				   ? limits->command_time_ms
				   : PACE_GRACE_MS;

	if (limits->data_rate_min == 0)
		return INT64_MAX;
	return s->pace.since + grace_ms +
	       s->smtp.size * 1000 / limits->data_rate_min;
}

void
session_pace_data(struct session *s)
{
	int64_t now = loop_mono_ms(s->all->loop), due;
	uint64_t step = (s->smtp.commands << 24) +
			(uint64_t)s->smtp.size / PACE_DATA_STEP;
	struct session_pace *p = &s->pace;

	if (p->since == 0) {
		*p = (struct session_pace){.since = now};
	} else if (p->waits_since != 0) {
		p->since += now - p->waits_since;
		p->step_due += now - p->waits_since;
		p->waits_since = 0;
	}
	if (step != p->step) {
		p->step = step;
		p->step_due = now + s->service->smtp.limits->command_time_ms;
	}
	due = session_rate_due(s);
	if (p->step_due < due)
		due = p->step_due;
	io_set_deadline(s->io, due > now ? due - now : 1);
}

/* Messages may follow one another in one read: each has a time of its own. */
void
session_pace_moved(struct session *s)
{
	if (!smtp_in_in_data(&s->smtp))
		s->pace.since = 0;
}

void
session_pace_wait(struct session *s)
{
	if (smtp_in_in_data(&s->smtp) && s->pace.waits_since == 0)
		s->pace.waits_since = loop_mono_ms(s->all->loop);
}

enum smtp_in_no
session_pace_no(const struct session *s)
{
	if (s->pace.since != 0 &&
	    loop_mono_ms(s->all->loop) >= session_rate_due(s))
		return SMTP_IN_NO_SLOW;
	return SMTP_IN_NO_TIME;
}
