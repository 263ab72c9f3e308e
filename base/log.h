/*
 * log - one line an event, to one log thread.
 *
 * A line is an event name and fields; what is common to a session or a message
 * stands in a log_context that lines inherit, parents first. Formats: logfmt
 * (`time= level= event= ...`) or JSON, one object a line. When stderr is the
 * journal (JOURNAL_STREAM) a `<N>` prefix stands in place of the time.
 *
 * Lines pass through a bounded ring to the thread that writes them, so no loop
 * waits for a disk. When the ring is full, debug lines are dropped and counted
 * (event=log_dropped tells how many); event lines wait for room instead. What
 * the target itself refuses (a full disk, a closed pipe) is lost and counted
 * too: mail goes on. A busy log gathers its lines for up to 10 ms, so that one
 * write(2) takes many of them.
 *
 * Every value is escaped: a peer's bytes never make a second line or a second
 * field. Thread-safe.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };
/* What is shown of a mail address: in a field made by LOG_ADDR(), and in the
 * text of LOG_STR(), where replies and errors name it. */
enum log_addresses { LOG_ADDR_PLAIN, LOG_ADDR_HASH, LOG_ADDR_DOMAIN };

/* Their words in the configuration, NULL ends. */
extern const char *const log_level_names[];
extern const char *const log_format_names[];
extern const char *const log_addresses_names[];
/* True when TO is "stderr", "syslog:" and a known facility, or a path that
 * begins with a slash. */
bool log_target_ok(const char *to);

struct log_conf {
	char *to;      /* "stderr", "syslog:FACILITY" or a file's path */
	int format;    /* enum log_format */
	int level;     /* enum log_level: the least that is written */
	int addresses; /* enum log_addresses */
};

struct log;

/* Open what CONF names and start the thread. 0 or -errno. */
int log_open(const struct log_conf *conf, struct clock *clock,
	     struct log **ret_log);
/* A log for tests: every line goes to FN in the caller's thread. */
struct log *log_new_capture(void (*fn)(void *arg, const char *line), void *arg);
/* Write what is in the ring and end the thread. */
void log_close(struct log **log);
/* For another CONF, and for a file that was moved away (logrotate), in two
 * steps of one thread. The first opens what CONF names and changes nothing: 0
 * or -errno. Then it either counts from now on, with its level, format and
 * addresses, or is closed again. */
int log_prepare(struct log *log, const struct log_conf *conf);
void log_switch(struct log *log, const struct log_conf *conf);
void log_forget(struct log *log);

enum log_type {
	LOG_END,
	LOG_TYPE_STR,
	LOG_TYPE_INT,
	LOG_TYPE_ADDR,
	LOG_TYPE_EXACT,
};

struct log_field {
	const char *key;
	enum log_type type;
	const char *str; /* borrowed for the call; NULL: no field */
	int64_t num;
};

#define LOG_STR(k, v) ((struct log_field){(k), LOG_TYPE_STR, (v), 0})
#define LOG_INT(k, v) ((struct log_field){(k), LOG_TYPE_INT, 0, (int64_t)(v)})
/* A mail address, or what else names a person (a login, the folder of a
 * mailbox), shown as log.addresses says. */
#define LOG_ADDR(k, v) ((struct log_field){(k), LOG_TYPE_ADDR, (v), 0})
/* What only looks like an address, and is always shown. */
#define LOG_EXACT(k, v) ((struct log_field){(k), LOG_TYPE_EXACT, (v), 0})

/* FN in the caller's thread for every line that is written, LEN bytes with its
 * newline and without its time; FIELDS are the event's own. It logs nothing and
 * returns soon. Before threads log, and again (FN NULL) when they are gone. */
typedef void log_watch_fn(void *arg, const char *event,
			  const struct log_field *fields, const char *line,
			  size_t len);
void log_set_watch(struct log *log, log_watch_fn *fn, void *arg);

struct log_context {
	struct log *log;                  /* borrowed */
	const struct log_context *parent; /* borrowed; NULL at the root */
	struct log_field field;           /* its str borrowed as long as this */
};

/* log_event(ctx, LOG_INFO, "accept", LOG_STR("id", id), LOG_INT("size", n)) */
#define log_event(ctx, level, event, ...)                                      \
	log_emit((ctx), (level), (event),                                      \
		 (const struct log_field[]){                                   \
			 __VA_ARGS__ __VA_OPT__(, ){0, LOG_END, 0, 0}})

/* FIELDS ends in LOG_END. */
void log_emit(const struct log_context *ctx, enum log_level level,
	      const char *event, const struct log_field *fields);

#endif
