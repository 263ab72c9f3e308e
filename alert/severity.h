/*
 * severity - the words of the label `severity`, as most tools know them.
 */
#ifndef ALERT_SEVERITY_H
#define ALERT_SEVERITY_H

enum severity {
	SEVERITY_UNKNOWN, /* none, or a word of somebody's own */
	SEVERITY_INFO,
	SEVERITY_WARNING,
	SEVERITY_ERROR,
	SEVERITY_CRITICAL,
	SEVERITY_NSEVERITY,
};
extern const char *const severity_names[]; /* "unknown", "info", ... */

/* WORD NULL: there is no label. */
enum severity severity_of(const char *word);

#endif
