/*
 * api - /api/v1: what the operator asks of belfryd, as JSON.
 *
 * Everything on the admin socket, which only root, the daemon's user and
 * admin_group can open, and to users with the right `admin`; what only reads
 * figures also to users with `read`, and over TCP to the trusted.
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
	json_t *body;              /* owned; NULL: none */
	struct api_filter *filter; /* owned; NULL: none */
	bool filter_all;           /* all=1 */
	char *user;                /* owned; who logged in, or NULL */
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
/* What an operator did, for the log. */
void api_log(const struct api_call *call, const char *action,
	     const char *detail);

/* A message as listings and exports show it. */
json_t *api_message_json(const struct queue_message_info *m);
json_t *api_paused_json(const struct queue_paused *p);

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
void api_queue_act(struct api_call *call);
void api_queue_stats(struct api_call *call);
void api_status(struct api_call *call);

#endif
