/*
 * silence - the record of a silence, as bytes.
 */
#ifndef ALERT_SILENCE_H
#define ALERT_SILENCE_H

#include "alert/engine.h"

/* Of a silence's record: what does not fit is refused. */
#define SILENCE_TEXT_MAX 1024 /* of who and comment, each */

/* Append the value. 0, or -EMSGSIZE: it is too long for a record. */
int silence_encode(const struct engine_silence *s, struct buf *out);
/* Strings in ARENA; matchers_done() is the caller's. 0, -EBADMSG,
 * -EPROTONOSUPPORT. */
int silence_decode(const void *value, size_t len, struct arena *arena,
		   struct engine_silence *ret);
/* A new id, at random. */
void silence_new_id(char ret[static ENGINE_SILENCE_ID]);
enum silence_state silence_state_at(const struct engine_silence *s,
				    int64_t now_ms);

#endif
