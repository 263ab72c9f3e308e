/*
 * wire - the client's end of an SMTP connection, plain or TLS, that waits for
 * each reply. Anything unexpected ends the program with status 1.
 *
 * One thread uses a wire at a time.
 */
#ifndef TESTS_BENCH_WIRE_H
#define TESTS_BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#define WIRE_REPLY_MAX 4096

enum wire_tls {
	WIRE_PLAIN,
	WIRE_STARTTLS,
	WIRE_IMPLICIT,
};

struct wire; /* an open connection */

/* To 127.0.0.1:PORT, and behind the greeting; with TLS also behind the whole
 * handshake: no session is resumed and no certificate is looked at. */
struct wire *wire_open(int port, enum wire_tls tls);
/* Send TEXT, and wait for a reply that begins with KIND. */
void wire_say(struct wire *w, const char *text, size_t len, char kind);
/* The last reply, as it came. Valid until the next call. */
const char *wire_reply(const struct wire *w);
/* Without QUIT. Leaves NULL. */
void wire_close(struct wire **w);

/* What SMTP calls a whole reply. */
bool wire_reply_is_whole(const char *reply, size_t len);

#endif
