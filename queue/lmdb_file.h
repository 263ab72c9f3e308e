/*
 * lmdb_file - LMDB's data file read page by page, without LMDB.
 *
 * LMDB trusts its own structure, which has no checksum: a flipped bit makes it
 * show other rows, none, or read outside of the file. Here nothing is trusted:
 * each number is checked before it is used, each page is read once, and what
 * does not fit is a fault that is reported and passed. So it neither crashes
 * nor runs in circles, whatever the file holds.
 *
 * The format is that of LMDB 0.9 (MDB_DATA_VERSION 1) on a machine of this byte
 * order and word size:
 *
 *	page    number(8) pad(2) flags(2) lower(2) upper(2) offsets(2 each) ...
 *		nodes grow downwards from the page's end, offsets name them
 *	node    lo(2) hi(2) flags(2) ksize(2) key data
 *		branch: child = lo | hi << 16 | flags << 32; leaf: size of data
 *	meta    page 0 and 1, by turns: magic, version, address, size of the
 *		map, the trees of the free pages and of the tables' names, last
 *		page, number of the transaction
 */
#ifndef QUEUE_LMDB_FILE_H
#define QUEUE_LMDB_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lmdb_file;

/* How a row was found. */
enum lmdb_how {
	LMDB_IN_TREE, /* where LMDB would find it */
	LMDB_LOST,    /* in a page that no tree leads to, and that isn't free */
	LMDB_MAYBE,   /* in what is left of a damaged page, or in one that may
		       * be free: it may have been deleted long ago */
};

struct lmdb_visitor {
	/* TABLE is its name, NULL where HOW doesn't tell. KEY and VALUE are
	 * borrowed for the call. NULL: rows are only looked over. */
	void (*row)(void *arg, const char *table, enum lmdb_how how,
		    const void *key, size_t key_len, const void *value,
		    size_t len);
	/* One line for people. */
	void (*fault)(void *arg, const char *text);
	void *arg;
};

/* 0; -ENOENT; -EPROTONOSUPPORT: nothing in it looks like LMDB's; -errno. Faults
 * of the meta pages go to V. */
int lmdb_file_open(const char *path, const struct lmdb_visitor *v,
		   struct lmdb_file **ret_file);
void lmdb_file_close(struct lmdb_file **file);

/* Everything that the trees lead to; how many faults in all. */
uint64_t lmdb_file_walk(struct lmdb_file *file);
/* After the walk: every row in pages that it did not come to. */
void lmdb_file_scan(struct lmdb_file *file);

#endif
