/*
 * log_sink - where lines end: a descriptor, or syslog(3).
 *
 * A prefixed sink wants `<N>` with the priority of syslog before each line in
 * place of the time: the journal reads it from stderr, and syslog's sink takes
 * it off again.
 */
#ifndef BASE_LOG_SINK_H
#define BASE_LOG_SINK_H

#include <stdbool.h>
#include <stddef.h>

struct log_sink {
	int fd;       /* owned unless stderr; -1: syslog */
	int facility; /* of syslog */
	bool prefixed;
};

/* "stderr", "syslog:FACILITY" or a path (created 0640). 0 or -errno. */
int log_sink_open(const char *to, struct log_sink *ret);
/* It is the one that is written to from now on: the tag and the facility of
 * syslog(3) are the process's, so one that is only opened must not set them. */
void log_sink_use(const struct log_sink *s);
/* One that is used, or has a descriptor. */
void log_sink_close(struct log_sink *s);
/* Whole lines. How many lines the target refused. */
size_t log_sink_write(const struct log_sink *s, const char *data, size_t len);
/* The number of a facility ("mail", "daemon", "local0"), or -1. */
int log_sink_facility(const char *name);

#endif
