/*
 * content - what a message to an endpoint holds, as whoever published it wrote
 * it: fields of one line each, an empty line, and the body as it is sent.
 *
 *	Belfry-URL: URL       asked for instead of the endpoint's, at its host
 *	Belfry-Argument: ARG  of a program, one field each, in order
 *	Belfry-Plain: BODY    sent once more in the body's place where that is
 *	                      refused as malformed (400)
 *	NAME: VALUE           of the request
 *
 * Lines end in LF or CRLF. The body is the request's, or the program's input.
 */
#ifndef DELIVER_CONTENT_H
#define DELIVER_CONTENT_H

#include <stddef.h>

#include "base/arena.h"
#include "queue/attempt.h"

#define CONTENT_MAX        ((int64_t)1 << 20)
#define CONTENT_FIELDS_MAX 200
#define CONTENT_URL        "Belfry-URL"
#define CONTENT_ARGUMENT   "Belfry-Argument"
#define CONTENT_PLAIN      "Belfry-Plain"

struct content_field {
	const char *name, *value;
};

struct content {
	size_t nfields;
	struct content_field *fields;
	const char *body; /* NUL-terminated; it may hold NULs */
	size_t body_len;
};

/* LEN bytes of DATA, and a NUL behind them; all of it is A's. The fields are
 * cut out of DATA. 0 or -EINVAL. */
int content_parse(struct arena *a, char *data, size_t len, struct content *ret);
/* The first of that name, in any case; NULL: none. */
const char *content_get(const struct content *c, const char *name);

/* All of an attempt's content. 0 in RESULT; -EMSGSIZE: it is too long;
 * -EINVAL: it is none; -EBADMSG, -EPROTO: it is damaged; other -errno: it can't
 * be read now. Lives in the attempt's arena, as what it read does. */
struct content_reader {
	struct attempt *attempt; /* borrowed */
	void (*fn)(void *arg, int result);
	void *arg;
	char *data;
	size_t len;
	struct content content; /* with RESULT 0 */
};
/* FN on the attempt's loop, maybe from within this call. */
void content_read(struct content_reader *r, struct attempt *a,
		  void (*fn)(void *arg, int result), void *arg);

#endif
