/*
 * api - /api/v1: what the operator asks of belfryd, as JSON.
 *
 * Everything on the admin socket, which only root, the daemon's user and
 * admin_group can open; over TCP each path wants its right, which a login or
 * `trust` gives.
 * Errors are {"error": "...", "help": "..."}.
 */
#ifndef RELAY_API_H
#define RELAY_API_H

#include <jansson.h>

#include "relay/http_who.h"
#include "relay/relay.h"

/* A request under way; freed by its answer. */
struct api_call {
	struct relay *relay;       /* borrowed */
	struct http_request *http; /* the answer's */
	uint64_t id;               /* of the message the path names; 0: none */
	const char *action;        /* borrowed from the path; NULL: none */
	const char *uuid, *number; /* likewise */
	int64_t since_ms;          /* of a report */
	json_t *body;              /* owned; NULL: none */
	struct api_filter *filter; /* owned; NULL: none */
	bool filter_all;           /* all=1 */
	char *user;                /* owned; who logged in, or NULL */
	char *by;                  /* owned; that, or the uid or address of who
				    * did not */
};

/* Serve a path below /api/v1/ to WHO, which is not used afterwards. */
void api_handle(struct relay *r, struct http_request *http,
		const struct http_who *who);

/* Text of a peer need not be UTF-8; JSON must be. NULL gives "". */
json_t *api_text(const char *s);
/* Answer and free CALL. Takes JSON over. */
void api_answer(struct api_call *call, int status, json_t *json);
/* Belfryd ends, and neither a client nor a queue to ask is left: CALL was
 * freed. Before any call of the queue from an answer. */
bool api_is_over(struct api_call *call);
/* The same with what is no JSON. */
void api_answer_raw(struct api_call *call, int status, const char *type,
		    const void *data, size_t len);
void api_error(struct api_call *call, int status, const char *error,
	       const char *help);
/* Who did something, for the history of alerts: on the admin socket whom the
 * body names. */
const char *api_who(const struct api_call *call);
/* What an operator did, for the log. */
void api_log(const struct api_call *call, const char *action,
	     const char *detail);

/* Until when something is to last, by for_ms (from NOW on) or until_ms of the
 * body; for_ms 0 is 0, without an end. DEFAULT_MS from NOW when nothing is said.
 * 0, or -1 for what is wrong. */
int api_until(const struct api_call *call, int64_t now_ms, int64_t default_ms,
	      int64_t *ret_until_ms);

/* A message as listings show it; WHOLE: as exports do, with the tokens that
 * addresses of alerts bear. */
json_t *api_message_json(const struct queue_message_info *m, bool whole);
json_t *api_paused_json(const struct queue_paused *p);

/* api_alerts.c */
/* The engine; NULL: there are no alerts, and that was answered. */
struct engine *api_engine(struct api_call *call);
/* Whatever else came of an act: true, or the error was answered. */
bool api_alerts_did(struct api_call *call, int result);
void api_alerts_list(struct api_call *call);
void api_alerts_show(struct api_call *call);
void api_alerts_act(struct api_call *call);
void api_mute(struct api_call *call);
void api_unmute(struct api_call *call);
void api_clock_accept(struct api_call *call);
/* The part `alerts` of the status; NULL: there is none. */
json_t *api_alerts_json(const struct relay *r);

/* api_malformed.c */
void api_malformed(struct api_call *call);
void api_malformed_show(struct api_call *call);

/* api_noise.c */
void api_noise(struct api_call *call);

/* api_silences.c */
void api_silences_list(struct api_call *call);
void api_silences_set(struct api_call *call);
void api_silences_expire(struct api_call *call);

/* api_store.c */
void api_store_backup(struct api_call *call);
void api_store_backup_look(struct api_call *call);
void api_store_upgrade(struct api_call *call);
/* The part `store` of the status. */
json_t *api_store_json(const struct relay *r, const struct queue_stats *s);

/* api_filter.c */
/* Which messages the query means, into CALL->filter, and from where on and how
 * many rows at a time. False: the error was answered. */
bool api_filter_read(struct api_call *call, uint64_t *ret_from,
		     size_t *ret_rows);
/* Borrowed from CALL. */
const struct queue_filter *api_filter(const struct api_call *call);
/* A number of the query, from LEAST to MOST; *RET stays where it is not given.
 * False: the error was answered. */
bool api_query_number(struct api_call *call, const char *name, int64_t least,
		      int64_t most, int64_t *ret);
/* The id to go on from, likewise; 0: it is not given. */
bool api_query_from(struct api_call *call, uint64_t *ret);
/* Nothing is asked for: all messages are meant. */
bool api_filter_is_empty(const struct api_call *call);
void api_filter_free(struct api_filter **f);

/* api_many.c */
void api_queue_act_many(struct api_call *call);

/* api_queue.c */
extern const char *const api_action_names[]; /* by enum queue_action */
/* True, or the error was answered. */
bool api_action_parse(struct api_call *call, const char *name,
		      enum queue_action *ret);
void api_queue_list(struct api_call *call);
void api_queue_show(struct api_call *call);
void api_queue_body(struct api_call *call);
/* May they read what is in messages? True, or the error was answered. */
bool api_body_may(struct api_call *call);
void api_queue_act(struct api_call *call);
void api_queue_stats(struct api_call *call);
void api_status(struct api_call *call);

#endif
