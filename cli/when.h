/*
 * when - moments as people type them, in the local time of whoever does.
 *
 *	08:00              the next time it is that
 *	2026-11-22         its midnight
 *	2026-11-22T08:00   also with a blank
 *	2026-11-22T08:00Z  with an offset: as RFC 3339 has it
 */
#ifndef CLI_WHEN_H
#define CLI_WHEN_H

#include <stdint.h>

/* For usage and errors. */
#define WHEN_HELP "08:00, 2026-11-23 or 2026-11-23T08:00"

/* *RET_MS since 1970. CLI_OK; or CLI_USAGE, after saying what TEXT is not. */
int when_parse(const char *text, int64_t now_ms, int64_t *ret_ms);
/* A length of time above 0. The same. */
int when_parse_length(const char *text, int64_t *ret_ms);

#endif
