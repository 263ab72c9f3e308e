/*
 * observed - what became of each inbound message, written down for our own
 * reports about the use of others' domains (DMARC aggregate reports).
 *
 * One line of JSON a message, in files of a folder that belongs to one program
 * alone (see observed_file.h). Any thread may add; a thread of its own writes a
 * second later. What it can't write is dropped and counted: mail goes on. The
 * last line of a file may be half a one.
 *
 * A line has "v":1 and
 *
 *	time               seconds since 1970
 *	ip, helo, sender   the client; "sender" is "" for the null path
 *	from               the domains of the From fields
 *	spf                {scope, domain, result}, what DMARC looked at; helo
 *	                   only for the null path
 *	dkim               [{d, s, result}], in the order of the header
 *	dmarc              {result, from, domain, p, sp, np, t, psd, adkim, aspf,
 *	                   rua, tag, spf, dkim}: the author's domain that was
 *	                   judged, the domain of the record and what it says;
 *	                   what is aligned, of dkim the places in the list
 *	asked              none | quarantine | reject
 *	disposition        none | mark | hold | tempfail | reject | discard
 *	override           why they are not the same: "local_policy",
 *	                   "policy_test_mode", ""
 */
#ifndef VERDICT_OBSERVED_H
#define VERDICT_OBSERVED_H

#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "verdict/verdict.h"

/* Lines that wait for the thread. */
#define OBSERVED_BUFFER_MAX (1 << 20)
#define OBSERVED_LINE_MAX   (64 * 1024)

struct observed;

struct observed_counts {
	uint64_t lines, lines_dropped, files_dropped;
};

/* DIR exists and is ours. LOG is borrowed: it hears once when lines are lost, and
 * when they are written again. 0 or -errno. */
int observed_open(const char *dir, int64_t max_size, int64_t max_age_ms,
		  struct clock *clock, const struct log_context *log,
		  struct observed **ret);
/* What is lost counts in M, too, which outlives it; before anybody adds. */
void observed_register(struct observed *o, struct metrics *m);
/* A thread that writes, until it is closed. 0 or -errno. */
int observed_start(struct observed *o);
/* Of another configuration; from any thread. */
void observed_set_limits(struct observed *o, int64_t max_size,
			 int64_t max_age_ms);
/* From any thread: one line more. Results that we took from others
 * (VERDICT_TRUST) are not ours to report, and leave none. */
void observed_add(struct observed *o, const struct verdict_message *m,
		  const struct verdict_result *r);
/* Write what waits: the thread does so, or a test. */
void observed_turn(struct observed *o);
void observed_count(struct observed *o, struct observed_counts *ret);
/* Writes the rest. Leaves NULL; NULL is fine. */
void observed_close(struct observed **o);

/* The line, with its end. 0 or -EMSGSIZE. */
int observed_line(const struct verdict_message *m,
		  const struct verdict_result *r, struct buf *buf);

#endif
