/*
 * conf_private - what the files of conf share: the tree between YAML and the
 * tables, and the parsers of single values.
 */
#ifndef BASE_CONF_PRIVATE_H
#define BASE_CONF_PRIVATE_H

#include "base/conf.h"

#define CONF_FILE_MAX  (1 << 20) /* bytes of one file */
#define CONF_FILES_MAX 100       /* read in all */
#define CONF_DEPTH_MAX 32        /* of nesting */
#define CONF_CHAIN_MAX 16        /* of includes */
#define CONF_KEYS_MAX  1000      /* of one mapping */
#define CONF_VALUE_MAX 65536     /* bytes, with its variables put in */

enum conf_kind { CONF_SCALAR, CONF_SEQUENCE, CONF_MAPPING };

/* All of it lives in an arena. */
struct conf_node {
	enum conf_kind kind;
	struct conf_mark mark;
	const char *key; /* in a mapping; else NULL */
	struct conf_mark key_mark;
	const char *text;                /* SCALAR, variables put in */
	bool quoted;                     /* SCALAR; or came from a variable */
	bool broken;                     /* SCALAR; reported already */
	size_t n;                        /* children */
	struct conf_node *first, **last; /* children */
	struct conf_node *next;          /* sibling */
};

/* The tree of TEXT, or NULL after reporting. An empty document is an empty
 * mapping. ENV: put variables in. */
struct conf_node *conf_yaml_parse(const char *file, const char *text,
				  size_t len, bool env, struct arena *arena,
				  struct conf_errors *e);
struct conf_node *conf_node_find(const struct conf_node *map, const char *key);
void conf_node_append(struct conf_node *parent, struct conf_node *child);

/* TEXT with its variables put in, in ARENA; NULL after reporting. */
const char *conf_env_expand(const char *text, const struct conf_mark *mark,
			    struct arena *arena, struct conf_errors *e);

/* 0 or -EINVAL. */
int conf_parse_int(const char *s, int64_t *ret);
int conf_parse_float(const char *s, double *ret);
/* As its parser reads it back; in ARENA. */
const char *conf_number_text(enum conf_type type, int64_t v,
			     struct arena *arena);

/* NODE (NULL: nothing was written) into the struct at BASE. */
void conf_fill(const struct conf_table *table, const struct conf_node *node,
	       const struct conf_mark *mark, struct arena *arena,
	       struct conf_errors *e, void *base);

#endif
