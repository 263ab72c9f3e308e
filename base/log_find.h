/*
 * log_find - mail addresses in the text of a log line, for those who must not
 * see them (log.addresses).
 */
#ifndef BASE_LOG_FIND_H
#define BASE_LOG_FIND_H

#include <stdbool.h>

struct log_found {
	const char *begin; /* of the local part */
	const char *at;
	const char *end; /* behind the domain */
};

/* The first address in S; its pointers are into S. */
bool log_find_address(const char *s, struct log_found *ret);

#endif
