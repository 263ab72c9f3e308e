/*
 * verdict - `belfry verdict`: what we would think of a message.
 */
#ifndef CLI_VERDICT_H
#define CLI_VERDICT_H

#include "verdict/verdict.h"

/* All of it on standard output. */
void verdict_put_text(struct verdict *v, const struct verdict_result *r);
void verdict_put_json(struct verdict *v, const struct verdict_result *r);

#endif
