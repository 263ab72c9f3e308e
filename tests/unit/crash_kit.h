/*
 * crash_kit - stories told to a child that is killed where something becomes
 * durable, and then to the next life, which drives the same story to its end.
 */
#ifndef TESTS_UNIT_CRASH_KIT_H
#define TESTS_UNIT_CRASH_KIT_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/unit/store_check.h"

/* The first member of a test's own struct of a story. */
struct crash_story {
	const char *name;
	int least; /* points it must have; it is killed at as many, or POINTS */
	/* It begins with calls that add like pages, of which a few points do,
	 * and says crash_kit_rest() when these are over. */
	bool alike;
};

struct crash_end {
	bool killed;              /* the first life */
	struct store_check store; /* what the second left, without fault */
};

struct crash_kit {
	const void *stories; /* N of SIZE bytes each */
	size_t n, size;
	long points; /* of a story, where STORY_POINTS says nothing */
	/* In a child: open DIR and tell. AGAIN: a later life, whose clock goes
	 * on, and which closes what it opened. */
	void (*live)(const void *story, const char *dir, bool again);
	/* What the world saw is as was promised. */
	void (*judge)(const void *story, const struct crash_end *end);
	/* What the world saw: of crash_kit_share(), zero when a story begins. */
	void *seen;
	size_t seen_len;
};

/* LEN bytes that the children share; the end of the process frees them. */
void *crash_kit_share(size_t len);

/* In live(): calls count from here, once the rig is made. */
void crash_kit_begin(void);
void crash_kit_rest(void);

/* Each story (STORY: the one of that name) at each of its points, or where
 * there are more at some of them; after each the store's invariant holds. */
void crash_kit_run(const struct crash_kit *kit);

#endif
