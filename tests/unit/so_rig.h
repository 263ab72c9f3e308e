/*
 * so_rig - a client's machine, two mails for it and what the server says.
 */
#ifndef TESTS_UNIT_SO_RIG_H
#define TESTS_UNIT_SO_RIG_H

#include "deliver/smtp_out.h"

#define SO_RIG_PIPED "250-mx.example.net\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
#define SO_RIG_CHUNKED                                                         \
	"250-mx.example.net\r\n250-PIPELINING\r\n250 CHUNKING\r\n"
#define SO_RIG_PLAIN "250 mx.example.net\r\n"

struct so_rig {
	struct smtp_out so;
	struct buf out;
	struct attempt a[2];
	const struct attempt *judged; /* the mail that the row is about */
};

/* NRCPT recipients in each mail. */
void so_rig_init(struct so_rig *g, size_t nrcpt);
void so_rig_done(struct so_rig *g);

/* The server says S. */
void so_rig_hear(struct so_rig *g, const char *s);
/* It greets, and answers EHLO so. */
void so_rig_greet(struct so_rig *g, const char *ehlo);
/* What was sent since the last look. */
void so_rig_expect_sent(struct so_rig *g, const char *want);

/* An outcome as docs/delivery.md calls it. */
extern const char *const so_rig_outcome_words[];

#endif
