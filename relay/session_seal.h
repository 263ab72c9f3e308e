/*
 * session_seal - the calls of smtp_in for verdicts and signatures.
 */
#ifndef RELAY_SESSION_SEAL_H
#define RELAY_SESSION_SEAL_H

#include "relay/smtp_in.h"

struct verdict *session_judge(void *arg, const char *header, size_t len);
bool session_resolve(void *arg, struct verdict *v);
const char *session_judged(void *arg, uint64_t id, struct verdict *v,
			   const struct verdict_result *r, struct arena *arena);
void session_sign(void *arg, struct dkim_signing *signing);
void session_not_signed(void *arg, uint64_t id);
void session_reserve(void *arg, size_t max_bytes);
int session_front(void *arg, const void *data, size_t len);

#endif
