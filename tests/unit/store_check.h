/*
 * store_check - a raw look at a store that nobody has open: does the invariant
 * hold, and what if a byte flips?
 */
#ifndef TESTS_UNIT_STORE_CHECK_H
#define TESTS_UNIT_STORE_CHECK_H

#include <stdint.h>

#include "queue/store.h"

struct store_check {
	uint64_t recs, waits, pages;
	uint64_t faults; /* how much is wrong */
	char fault[200]; /* the first of it; "" none */
};

/*
 * Walk the store in DIR:
 *  - every value's checksum is right;
 *  - wait rows and records with a place are one to one;
 *  - a blob that a record owns has all of its pages (one of kind 'b', loose, is
 *    being written or removed and may lack some), and no page is without an
 *    owner.
 * 0, or -errno when it can't be opened.
 */
int store_check(const char *dir, struct store_check *ret_check);

/* Flip one bit of a stored value, OFFSET bytes into it (negative: from its
 * end). 0 or -errno. */
int store_check_flip_rec(const char *dir, const struct store_key *key,
			 int64_t offset);
int store_check_flip_page(const char *dir, uint64_t blob, uint32_t n,
			  int64_t offset);
/* Put VALUE under KEY as it is, past all rules: what another release may have
 * written. 0 or -errno. */
int store_check_put_rec(const char *dir, const struct store_key *key,
			const void *value, size_t len);
/* Take away the wait row of the record KEY. 0 or -errno. */
int store_check_drop_wait(const char *dir, const struct store_key *key);

#endif
