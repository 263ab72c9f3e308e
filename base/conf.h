/*
 * conf - a YAML file into structs, by tables.
 *
 * Each folder describes its own section as a table of options: name, type,
 * where in the struct it goes, default, range, help. From the same tables come
 * the parser, the defaults, the errors and the reference, so none can be
 * undocumented and no key can be accepted and ignored.
 *
 * All mistakes of a file are found in one go, each with file, line and column.
 * Pointers in the filled struct belong to the arena given to conf_load().
 *
 * Grammar beyond YAML: `include: GLOB` at the top (relative to the including
 * file, not from memory): sections that several files have are put together,
 * lists one behind the other, and a value may be given only once; `${NAME}` and
 * `${NAME:-default}` in a value come from the environment, an unset one is an
 * error, `$${` is a literal `${`. Times: `500ms 30s 5m 1h30m 5d 1w`; sizes
 * `50M` (2^20), `20G`, `64K`; rates: `100/1m`.
 *
 * Less than YAML: no anchors, aliases, tags or second documents, no key twice,
 * `true` and `false` as the only booleans.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"

enum conf_type {
	CONF_STRING,  /* char * */
	CONF_TEXT,    /* struct conf_text: a string that keeps its place */
	CONF_BOOL,    /* bool: true or false, nothing else */
	CONF_INT,     /* int64_t */
	CONF_FLOAT,   /* double */
	CONF_SIZE,    /* int64_t, bytes */
	CONF_TIME,    /* int64_t, milliseconds */
	CONF_RATE,    /* struct conf_rate: N/TIME, none or empty */
	CONF_ENUM,    /* int, an index into NAMES */
	CONF_STRINGS, /* struct conf_strings: a list */
	CONF_TABLE,   /* an embedded struct, described by TABLE */
	CONF_LIST,    /* struct conf_list of structs, described by TABLE */
	CONF_MAP,     /* struct conf_map: free names, each a list of strings */
	CONF_PAIRS,   /* struct conf_pairs: free names, each a string */
	CONF_NAMED,   /* struct conf_list of structs, described by TABLE, each
		       * below a free name */
};

/* At most N in any time of PERIOD_MS; N 0: as many as there are. */
struct conf_rate {
	int64_t n, period_ms;
	bool none; /* that there is no limit was said, by "none" */
};
#define CONF_RATE_MAX           INT64_C(1000000000)
#define CONF_RATE_PERIOD_MAX_MS (INT64_C(366) * 86400000)

/* Where a value stood; for errors found after parsing. */
struct conf_mark {
	const char *file; /* borrowed from the arena of conf_load */
	int line, column; /* from 1 */
};

/* Of NAMES (N of them) the one that S was probably meant to be, or NULL. */
const char *conf_nearest(const char *s, const char *const *names, size_t n);

/* Of a value that was not given. */
bool conf_mark_is_default(const struct conf_mark *m);

/* MARK is that of a default where nothing was given. */
struct conf_text {
	const char *text;
	struct conf_mark mark;
};

struct conf_strings {
	size_t n;
	char **v;
	struct conf_mark *marks; /* N of them */
};

struct conf_list {
	size_t n;
	void *v; /* n structs, one after the other */
};

struct conf_map {
	size_t n;
	char **names;
	struct conf_mark *marks; /* of the names */
	struct conf_strings *v;
};

struct conf_pairs {
	size_t n;
	char **names;
	struct conf_text *v; /* N of them */
};

struct conf_errors;

/* A check beyond type and range, run on the value at FIELD when it was given or
 * defaulted. Report with conf_error(); false when something is wrong. */
typedef bool conf_check_fn(void *field, const struct conf_mark *mark,
			   struct conf_errors *errors);

/* FIELD is a string that begins with a slash. */
bool conf_check_path(void *field, const struct conf_mark *mark,
		     struct conf_errors *errors);

struct conf_option {
	const char *name;
	enum conf_type type;
	size_t offset;
	const char *dflt;               /* as YAML; NULL: the key is required */
	const char *unset;              /* INT, SIZE, TIME, STRINGS, LIST: what
					 * holds where the key is not given, in
					 * words; DFLT is NULL. The field is -1, or
					 * a list whose V is NULL */
	const char *help;               /* one sentence for the reference */
	int64_t min, max;               /* INT, SIZE, TIME; both 0: no range */
	const char *const *names;       /* ENUM: NULL-terminated */
	const struct conf_table *table; /* TABLE, LIST, NAMED; of a LIST it
					 * may be the one that it stands in */
	conf_check_fn *check;
	const char *example; /* YAML for the reference, or NULL */
};

struct conf_table {
	size_t size;                       /* of the struct */
	const struct conf_option *options; /* a NULL name ends */
	size_t mark_offset; /* where a struct conf_mark goes; 0: nowhere */
	size_t name_offset; /* NAMED: where the name, a char *, goes */
	/* A check of the whole struct, after its options. */
	conf_check_fn *check;
};

struct conf_error {
	struct conf_mark mark;
	char *text;   /* what is wrong and what to do */
	bool warning; /* the file is taken all the same */
};

/* At most 100 are kept; the counts go on. */
#define CONF_ERRORS_MAX 100
struct conf_errors {
	struct arena arena;
	struct conf_error *v; /* of ARENA; in the order of discovery */
	size_t n;             /* kept, warnings included */
	size_t total;         /* errors, without warnings */
	size_t warnings;
};

void conf_errors_init(struct conf_errors *e);
void conf_errors_done(struct conf_errors *e);
void conf_error(struct conf_errors *e, const struct conf_mark *mark,
		const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void conf_warning(struct conf_errors *e, const struct conf_mark *mark,
		  const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* By file, line and column. */
void conf_errors_sort(struct conf_errors *e);
/* `file:line:column: text`, a line each, warnings marked as such. */
void conf_errors_print(const struct conf_errors *e, FILE *out);

/* Open for reading what a configuration names. The descriptor, or -errno, which
 * conf_file_error() has in words: -EINVAL for what is no regular file, since a
 * FIFO would keep whoever opens it waiting. */
int conf_file_open(const char *path);
const char *conf_file_error(int r);

/* Read PATH (with what it includes) into *RET, a struct of TABLE, filled with
 * defaults first. 0, or -EINVAL with at least one error in E. */
int conf_load(const char *path, const struct conf_table *table,
	      struct arena *arena, struct conf_errors *e, void *ret);
/* The same from memory; NAME stands in the errors. */
int conf_load_text(const char *name, const char *text, size_t len,
		   const struct conf_table *table, struct arena *arena,
		   struct conf_errors *e, void *ret);

/* TEXT as a section of free names, each with a struct of TABLE that gets its
 * name, a char *, at NAME_OFFSET. No `include`. 0 or -EINVAL. */
int conf_load_named(const char *name, const char *text, size_t len,
		    const struct conf_table *table, size_t name_offset,
		    struct arena *arena, struct conf_errors *e,
		    struct conf_list *ret);

/* "30s", "1h30m", "500ms" to milliseconds; "50M" to bytes. 0 or -EINVAL. */
int conf_parse_time(const char *s, int64_t *ret_ms);
int conf_parse_size(const char *s, int64_t *ret_bytes);
/* "100/1m"; "none"; "" is none, too, where nothing is the default. From 1 to CONF_RATE_MAX in 1 ms to
 * CONF_RATE_PERIOD_MAX_MS. 0 or -EINVAL. */
int conf_parse_rate(const char *s, struct conf_rate *ret);
/* As these two read it back; in ARENA. */
const char *conf_size_text(int64_t bytes, struct arena *arena);
const char *conf_time_text(int64_t ms, struct arena *arena);

/* Every option of TABLE, depth first; PATH like "listeners[].address" and
 * "people{}.mail". A table within itself is not entered again. */
typedef void conf_walk_fn(void *arg, const char *path,
			  const struct conf_option *option);
void conf_walk(const struct conf_table *table, conf_walk_fn *fn, void *arg);
/* Is it an error to leave it out? */
bool conf_is_required(const struct conf_option *option);
/* "string", "time", "submission|inbound", ... as the reference says it. Owned
 * by the caller. */
char *conf_type_name(const struct conf_option *option);
/* "1s to 1d"; NULL without a range. Owned by the caller. */
char *conf_range_name(const struct conf_option *option);

#endif
