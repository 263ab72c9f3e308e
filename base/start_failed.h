/*
 * start_failed - why a daemon can't start, said before there is a log.
 */
#ifndef BASE_START_FAILED_H
#define BASE_START_FAILED_H

/* A line on the error output with the program's name in front; EXIT_CODE. */
int start_failed(int exit_code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
