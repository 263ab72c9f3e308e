/*
 * postfix_map - a lookup table of Postfix, read from the text it is made of.
 *
 *	hash: btree: lmdb: cdb: dbm: texthash:	the file without its suffix
 *	regexp: pcre: cidr:			the file
 *	inline:{ {key = value} ... }, static:value
 *
 * The others (databases, sockets, programs) are known to nobody but their
 * servers.
 */
#ifndef CLI_POSTFIX_MAP_H
#define CLI_POSTFIX_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"

#define POSTFIX_MAP_ENTRIES_MAX 100000
#define POSTFIX_MAP_FILE_MAX    ((size_t)16 << 20)

enum postfix_map_kind {
	POSTFIX_MAP_KEYS,     /* a key is a text, looked up as it is */
	POSTFIX_MAP_PATTERNS, /* ... an expression */
	POSTFIX_MAP_NETWORKS, /* ... a network */
	POSTFIX_MAP_STATIC,   /* every key has the value of the one entry */
	POSTFIX_MAP_UNKNOWN,  /* it can't be read, as WHY says */
};

struct postfix_map_entry {
	const char *key, *value; /* an expression with its slashes */
	size_t line;             /* of the file; 0: none */
	bool taken;              /* whoever reads it says so */
};

struct postfix_map {
	enum postfix_map_kind kind;
	const char *spec;        /* as the setting has it, without content */
	const char *type, *path; /* "hash", "/etc/postfix/transport" */
	const char *why;
	size_t n;
	struct postfix_map_entry *v;
};

/* Read the file at PATH: 0 or -errno. */
typedef int postfix_read_fn(void *arg, const char *path, struct buf *ret);
int postfix_read_file(void *arg, const char *path, struct buf *ret);

/* All of it lives in A. */
struct postfix_map *postfix_map_read(struct arena *a, const char *spec,
				     postfix_read_fn *fn, void *arg);

#endif
