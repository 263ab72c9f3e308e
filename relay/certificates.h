/*
 * certificates - looks once a day when those of `tls` end: a gauge for each,
 * and a warning in the log when it is soon.
 */
#ifndef RELAY_CERTIFICATES_H
#define RELAY_CERTIFICATES_H

#include <jansson.h>

#include "relay/relay.h"

/* Days until NOT_AFTER_MS, rounded down; negative when it has passed. */
int64_t certificates_days(int64_t not_after_ms, int64_t now_ms);

/* On the home loop. */
struct certificates *certificates_new(struct relay *r);
void certificates_free(struct certificates **c);
/* There is another snapshot: look now. */
void certificates_look(struct certificates *c);

/* For the status: [{file, not_after_ms}]. */
json_t *certificates_json(const struct snapshot *s);

#endif
