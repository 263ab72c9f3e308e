/*
 * rules_kit - rules of a text, for tests.
 */
#ifndef TESTS_UNIT_RULES_KIT_H
#define TESTS_UNIT_RULES_KIT_H

#include "alert/rules.h"

/* The section `alerts` from YAML, of the host mx.example.org; it has to be
 * right. */
struct rules *rules_kit_new(const char *yaml);
/* What is said of a text, a line each, "" nothing; the caller frees it. *RET is
 * NULL when something is wrong. */
char *rules_kit_says(const char *yaml, struct rules **ret);
/* "a=b c=d" as labels in ARENA. */
void rules_kit_labels(struct arena *arena, const char *text,
		      struct labels *ret);

#endif
