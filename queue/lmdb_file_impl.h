/*
 * lmdb_file_impl - what the reader and the walk share. Private to them.
 */
#ifndef QUEUE_LMDB_FILE_IMPL_H
#define QUEUE_LMDB_FILE_IMPL_H

#include "queue/lmdb_file.h"

#define LF_MAGIC     0xBEEFC0DEu
#define LF_VERSION   1u
#define LF_HEAD      16 /* of a page */
#define LF_NODE      8  /* of a node, before its key */
#define LF_KEY_MAX   511
#define LF_DEPTH     32
#define LF_PAGE_MIN  512
#define LF_PAGE_MAX  65536
#define LF_NONE      UINT64_MAX /* the root of an empty tree */
#define LF_TABLES    16
#define LF_UNWRITTEN 4096 /* pages that a transaction may not have needed */

#define LF_BRANCH   0x01u
#define LF_LEAF     0x02u
#define LF_OVERFLOW 0x04u
#define LF_META     0x08u

#define LF_BIG  0x01u /* a node's data is the number of an overflow page */
#define LF_TREE 0x02u /* ... is a tree */

struct lf_tree {
	uint32_t pad;
	uint16_t flags, depth;
	uint64_t branches, leaves, overflows, entries, root;
};

struct lf_meta {
	uint32_t magic, version;
	uint64_t address, map_size;
	struct lf_tree free, names;
	uint64_t last_page, txn;
};

_Static_assert(sizeof(struct lf_tree) == 48, "LMDB's MDB_db");
_Static_assert(sizeof(struct lf_meta) == 136, "LMDB's MDB_meta");

struct lf_page {
	uint64_t number;
	uint16_t pad, flags, lower, upper;
};

struct lf_node {
	uint64_t child; /* of a branch */
	size_t size;    /* of a leaf's data */
	uint16_t flags;
	const uint8_t *key, *data;
	size_t key_len;
};

struct lmdb_file {
	int fd;
	struct lmdb_visitor v;
	size_t psize;
	uint64_t pages; /* that the file has */
	struct lf_meta meta;
	bool doubtful; /* what is free can't be told */
	uint64_t faults;
	uint8_t *seen, *is_free; /* owned; a bit a page */
	uint8_t *page, *big;     /* owned; for scans, for values */
	struct {
		char name[8];
		struct lf_tree tree;
	} table[LF_TABLES];
	size_t ntables;
};

void lf_fault(struct lmdb_file *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

bool lf_bit(const uint8_t *map, uint64_t n);
/* Set it; true when it was set before. */
bool lf_set(uint8_t *map, uint64_t n);
/* Page N, whole. 0 or -errno. */
int lf_read(const struct lmdb_file *f, uint64_t n, void *buf);
struct lf_page lf_head(const uint8_t *page);
/* Are the bounds such that nodes can be looked for? */
bool lf_head_ok(const struct lmdb_file *f, const struct lf_page *h);
size_t lf_nkeys(const struct lf_page *h);
/* The node at byte AT of PAGE. False: it leaves the page. */
bool lf_node_at(const struct lmdb_file *f, const uint8_t *page, size_t at,
		bool branch, struct lf_node *ret);
/* Node I of a page whose bounds are right. */
bool lf_node(const struct lmdb_file *f, const uint8_t *page, size_t i,
	     bool branch, struct lf_node *ret);

#endif
