/*
 * explain - how a verdict came about, for people and for programs.
 */
#ifndef CLI_EXPLAIN_H
#define CLI_EXPLAIN_H

#include <jansson.h>

#include "verdict/answers.h"
#include "verdict/steps.h"

/* A line each, the outer ones behind INDENT blanks. */
void explain_put_steps(const struct steps *steps, int indent);
void explain_put_answers(const struct answers *answers);

json_t *explain_json_steps(const struct steps *steps);
json_t *explain_json_answers(const struct answers *answers);
/* What the DNS and the client say need not be UTF-8. NULL is null. */
json_t *explain_json_text(const char *s);

#endif
