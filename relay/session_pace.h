/*
 * session_pace - when a client has to speak, and how fast.
 *
 * It is silent until the banner; a command has limits.command_time as a whole;
 * the data of a message that and limits.data_rate_min.
 */
#ifndef RELAY_SESSION_PACE_H
#define RELAY_SESSION_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "net/io.h"
#include "relay/smtp_in.h"

struct session;

struct session_pace {
	bool silent;         /* the banner is still to come */
	int64_t since;       /* the data began, our pauses left out; 0: none */
	int64_t waits_since; /* it is us who are waited for; 0: it isn't */
	uint64_t step;       /* of the data and its commands ... */
	int64_t step_due;    /* ... and until when the next is due */
};

/* Say the banner, now or after limits.banner_delay; or that somebody didn't
 * wait for it. */
void session_greet(struct session *s);
/* EVENT while it is silent. True: that was all. */
bool session_pace_silent(struct session *s, enum io_event event);

/* Data is expected: until when? Sets the deadline of the io. */
void session_pace_data(struct session *s);
/* The machine is in another state. */
void session_pace_moved(struct session *s);
/* The client has to wait for us: that is not its time. */
void session_pace_wait(struct session *s);
/* The deadline has passed: of what? */
enum smtp_in_no session_pace_no(const struct session *s);

#endif
