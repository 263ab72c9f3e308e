/*
 * labels - the names and values that an alert is known by; its annotations too.
 *
 * Sorted by name, each name once, no empty value: as Prometheus has them, where
 * an empty value means that the label is not there. Values are UTF-8. What
 * labels point to lies in an arena that their owner names; they are never
 * changed.
 */
#ifndef ALERT_LABELS_H
#define ALERT_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/pack.h"

#define LABELS_MAX       64   /* of an alert */
#define LABELS_TOLD_MAX  256  /* of what a source says */
#define LABEL_NAME_MAX   128  /* bytes */
#define LABELS_BYTES_MAX 2000 /* of an alert, as labels_pack() has them */
#define LABEL_CUT_MIN    16   /* bytes of a value, with the "..." */

struct label {
	const char *name;  /* [a-zA-Z_][a-zA-Z0-9_]* */
	const char *value; /* never empty */
};

struct labels {
	size_t n;
	struct label *v; /* sorted by name */
};

/* Labels that are being gathered, in any order. */
struct labels_builder {
	struct arena *arena; /* borrowed */
	size_t most;         /* LABELS_MAX unless its owner says otherwise */
	size_t n;
	struct label v[LABELS_TOLD_MAX]; /* sorted by name */
};

bool label_name_is_valid(const char *name);

void labels_builder_init(struct labels_builder *b, struct arena *arena);
/* NAME becomes VALUE, whatever it was; an empty VALUE takes it away. Both are
 * copied. 0; -EINVAL: no name, or a value that is no UTF-8; -E2BIG: it would be
 * one more than MOST. */
int labels_set(struct labels_builder *b, const char *name, const char *value);
/* 0, or -E2BIG above LABELS_BYTES_MAX. */
int labels_finish(const struct labels_builder *b, struct labels *ret);
/* What is too much is cut: the longest values at a character, with "..." behind;
 * and the longest labels go, but those that say what it is, how bad, from where
 * and whose, until there are no more than LABELS_MAX and none has to be shorter than LABEL_CUT_MIN. Returns
 * the fingerprint of what was gathered, by which it is known all the same. */
uint64_t labels_finish_cut(const struct labels_builder *b, struct labels *ret);
/* Cut the longest values of L so until they are SUM bytes. */
void labels_cut_values(struct labels *l, size_t sum, struct arena *arena);
/* As labels_finish() without that ceiling: for annotations, see alert_trim(). */
void labels_finish_annotations(const struct labels_builder *b,
			       struct labels *ret);

/* NULL: none. */
const char *labels_get(const struct labels *l, const char *name);
bool labels_equal(const struct labels *a, const struct labels *b);
/* What of A is in B, too, stays. */
void labels_keep_common(struct labels *a, const struct labels *b);
void labels_copy(struct arena *arena, const struct labels *from,
		 struct labels *to);
/* As Alertmanager's: FNV-1a of 64 bits over name, 0xff, value, 0xff of each. */
uint64_t labels_fingerprint(const struct labels *l);

void labels_pack(struct pack *p, const struct labels *l);
/* In A. 0; or -EBADMSG for what labels_pack() does not write. */
int labels_unpack(struct unpack *u, struct arena *a, struct labels *ret);

#endif
