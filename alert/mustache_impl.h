/*
 * mustache_impl - a compiled template, for the files that make and read one.
 */
#ifndef ALERT_MUSTACHE_IMPL_H
#define ALERT_MUSTACHE_IMPL_H

#include "alert/mustache.h"
#include "base/arena.h"

enum mustache_op {
	MUSTACHE_OP_TEXT,     /* TEXT, LEN bytes */
	MUSTACHE_OP_VALUE,    /* TEXT is a name */
	MUSTACHE_OP_RAW,      /* ... unescaped */
	MUSTACHE_OP_SECTION,  /* ... END is where it closes */
	MUSTACHE_OP_INVERTED, /* ... */
	MUSTACHE_OP_CLOSE,
};

struct mustache_node {
	enum mustache_op op;
	int line;
	const char *text;
	size_t len;
	size_t end; /* index of the CLOSE */
};

struct mustache {
	struct arena arena;
	struct mustache_node *nodes; /* owned */
	size_t n, cap;
};

#endif
