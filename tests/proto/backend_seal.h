/*
 * backend_seal - the backend's calls for verdicts and signatures.
 */
#ifndef TESTS_PROTO_BACKEND_SEAL_H
#define TESTS_PROTO_BACKEND_SEAL_H

#include "tests/proto/backend.h"

bool be_knows(void *arg, const struct sockaddr_any *address);
struct verdict *be_judge(void *arg, const char *header, size_t len);
bool be_resolve(void *arg, struct verdict *v);
const char *be_judged(void *arg, uint64_t id, struct verdict *v,
		      const struct verdict_result *r, struct arena *arena);
void be_sign(void *arg, struct dkim_signing *s);
void be_not_signed(void *arg, uint64_t id);
void be_reserve(void *arg, size_t max_bytes);
int be_front(void *arg, const void *data, size_t len);
#define BE_SEAL_CALLS                                                          \
	.knows = be_knows, .judge = be_judge, .resolve = be_resolve,           \
	.judged = be_judged, .sign = be_sign, .not_signed = be_not_signed,     \
	.reserve = be_reserve, .front = be_front

/* What is waited for is there. */
void be_settle_seal(struct backend *b);
void be_seal_done(struct backend *b);

#endif
