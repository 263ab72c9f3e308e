/*
 * incident - the record of one dedup key of one source, as bytes.
 *
 * What changes often is a struct of numbers; what was said in words is a text
 * of bytes that is compared and kept as it is. A record is both, one after the
 * other, where they fit into one; else the text lies in pages of the incident's
 * own blob, which has its id.
 *
 *	value   format, core, who acknowledged, their note, text (or
 *	        nothing)
 *	text    source, key, url, labels, annotations
 */
#ifndef ALERT_INCIDENT_H
#define ALERT_INCIDENT_H

#include "alert/engine.h"
#include "base/pack.h"

#define INCIDENT_CHANGES  8   /* remembered, for the flap rule */
#define INCIDENT_KEY_MAX  512 /* shown of a key, bytes */
#define INCIDENT_WHO_MAX  256
#define INCIDENT_TEXT_MAX (16 * STORE_PAGE_MAX)
#define INCIDENT_PRINT    16

enum incident_flag {
	INCIDENT_FLAPPING = 1 << 0,
	INCIDENT_NOISE = 1 << 1,  /* somebody said so */
	INCIDENT_QUIET = 1 << 2,  /* stale with all of its source */
	INCIDENT_CLOSED = 1 << 3, /* resolved by a person */
	INCIDENT_ENDED = 1 << 4,  /* ... and its source says so by now */
};

#define INCIDENT_FLAGS 5 /* so many bits; WORST is in the others of a record */

struct incident_core {
	enum incident_state state;
	uint8_t flags;
	/* How bad somebody heard that it was, since it opened or was
	 * acknowledged: an enum severity, or SEVERITY_NSEVERITY where the rules
	 * call it critical; with what it says now only once that changes. */
	uint8_t worst;
	int64_t starts_ms, changed_ms, ends_ms;
	int64_t opened_ms; /* since when it is open without a break */
	int64_t updated_ms, expires_ms;       /* coarse in a record; 0: never */
	int64_t acked_ms;                     /* 0: not acknowledged */
	int64_t changes_ms[INCIDENT_CHANGES]; /* newest first; 0: none */
	uint8_t print[INCIDENT_PRINT];        /* of source and key */
};

struct incident_text {
	const char *source, *key, *url;
	struct labels labels, annotations;
};

/* What finds it again: SHA-256 of both, cut. */
void incident_print(const char *source, const char *key,
		    uint8_t ret[static INCIDENT_PRINT]);
/* A's text; it is trimmed before. 0 or -EMSGSIZE. */
int incident_text_pack(const struct alert *a, const char *key, struct buf *out);
/* In ARENA. 0 or -EBADMSG. */
int incident_text_unpack(const void *text, size_t len, struct arena *arena,
			 struct incident_text *ret);

/* Who acknowledged it, or closed it, and what they said; or "". */
struct incident_who {
	char name[INCIDENT_WHO_MAX], note[INCIDENT_WHO_MAX];
};

/* Append the value. WHO and NOTE are as in a struct incident_who; TEXT NULL: it
 * is in pages. */
void incident_encode(const struct incident_core *c, const char *who,
		     const char *note, const void *text, size_t text_len,
		     struct buf *out);
/* *RET_TEXT points into VALUE; NULL: in pages. 0, -EBADMSG, -EPROTONOSUPPORT:
 * of a later release. */
int incident_decode(const void *value, size_t len, struct incident_core *ret,
		    struct incident_who *ret_who, const void **ret_text,
		    size_t *ret_text_len);

/* It changes its state now: remember when. True: so often within the rule's
 * time that it flaps. CHANGES 0: there is no rule. */
bool incident_note_change(struct incident_core *c, int64_t now_ms,
			  size_t changes, int64_t within_ms);

#endif
