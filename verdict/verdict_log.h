/*
 * verdict_log - the line of the log about a verdict, the same from whoever
 * judges.
 */
#ifndef VERDICT_VERDICT_LOG_H
#define VERDICT_VERDICT_LOG_H

#include "base/log.h"
#include "verdict/verdict.h"

/* At most so many octets of signatures; further ones are left out. */
#define VERDICT_LOG_DKIM_MAX 500
/* Of the fields that who judges adds. */
#define VERDICT_LOG_MORE_MAX 4

/* event=verdict, of mail from FROM as the log may have it, with MORE behind what is
 * in LOG; LOG_END ends them. */
void verdict_log(const struct log_context *log, struct verdict *v,
		 const struct verdict_result *r, const char *from,
		 const struct log_field *more);
/* "example.org:pass,example.com:fail", or "none". */
void verdict_dkim_text(const struct verdict_result *r,
		       char ret[static VERDICT_LOG_DKIM_MAX]);

#endif
