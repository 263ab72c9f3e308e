/*
 * run_sort - an array sorted a step at a time, by a loop that has other things
 * to do.
 *
 * Pieces are sorted, one in a step; then two neighbouring ones are merged in a
 * step, until there is one. Equal ones keep their order only by chance. The
 * longest step compares each element once: 100,000 of them take about 10 ms.
 */
#ifndef BASE_RUN_SORT_H
#define BASE_RUN_SORT_H

#include <stdbool.h>
#include <stddef.h>

#define RUN_SORT_PIECE 4096 /* elements */

struct run_sort {
	char *v;     /* borrowed */
	char *spare; /* owned: the first of two pieces */
	size_t n, size;
	int (*compare)(const void *a, const void *b);
	size_t run; /* elements in a sorted piece; 0: these are being made */
	size_t at;
};

/* V, of N elements of SIZE bytes, stays where it is until run_sort_done(). */
void run_sort_init(struct run_sort *s, void *v, size_t n, size_t size,
		   int (*compare)(const void *a, const void *b));
/* True: V is sorted. */
bool run_sort_step(struct run_sort *s);
/* Takes one that is all zeroes, too. */
void run_sort_done(struct run_sort *s);

#endif
