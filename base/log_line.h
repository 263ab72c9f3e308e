/*
 * log_line - one event as text, on the caller's stack.
 *
 * The text begins behind the time: ` level=info event=accept ...` or
 * `"level":"info",...}`; the log puts the time, or the journal's <N>, in front.
 * Every value is escaped. A value is cut at LOG_VALUE_MAX bytes ("..." marks
 * it); fields that do not fit into the line are left out and `cut=true` says
 * so.
 */
#ifndef BASE_LOG_LINE_H
#define BASE_LOG_LINE_H

#include <stdbool.h>

#include "base/log.h"

#define LOG_LINE_MAX  8192
#define LOG_VALUE_MAX 1024

struct log_line {
	enum log_format format;
	enum log_addresses addresses;
	bool cut;
	size_t len;
	char data[LOG_LINE_MAX];
};

void log_line_init(struct log_line *l, enum log_format format,
		   enum log_addresses addresses);
/* Level, event, the fields of CTX (parents first) and FIELDS, and the newline.
 */
void log_line_make(struct log_line *l, const struct log_context *ctx,
		   enum log_level level, const char *event,
		   const struct log_field *fields);

#endif
