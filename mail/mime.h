/*
 * mime - a mail as people see it: fields decoded, the text, and what a report
 * says of recipients. GMime reads it; nobody else calls that library.
 *
 * Pure, from any thread but not from a loop: it takes milliseconds. Whatever
 * comes in, what comes out is UTF-8 without control characters and has an end;
 * what is beyond the limits is not there. Attachments and mails within the mail
 * are not looked into.
 */
#ifndef MAIL_MIME_H
#define MAIL_MIME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

#define MIME_SIZE_MAX     (512 * 1024) /* of a mail; the rest is not read */
#define MIME_PARTS_MAX    200
#define MIME_DEPTH_MAX    20
#define MIME_FIELDS_MAX   500
#define MIME_VALUE_MAX    2000 /* bytes of a field's value */
#define MIME_TEXT_MAX     65536
#define MIME_STATUSES_MAX 100

struct mime_field {
	const char *name;
	const char *value; /* decoded (RFC 2047), one line */
};

/* What a report (RFC 3464) says of a recipient; "": not said. */
struct mime_status {
	const char *recipient; /* Final-Recipient, without its type */
	const char *original;  /* Original-Recipient, likewise */
	const char *action;    /* lower case: "failed", "delayed", ... */
	const char *status;    /* "5.1.1" */
	const char *words;     /* Diagnostic-Code, without its type */
};

struct mime_mail {
	size_t nfields;
	struct mime_field *fields; /* of the mail itself, in their order */
	const char *from; /* the one address of the one From field, its domain
			   * in lower case; "": none, or several */
	const char *subject;
	/* The first text/plain that is no attachment, or else the first
	 * text/html, as text; lines end in "\n". "": none. */
	const char *text;
	bool is_report; /* multipart/report of delivery-status */
	size_t nstatuses;
	struct mime_status *statuses;
};

/* What the C library loads to read the charsets that mails are written in: who
 * will not be let load anything any more opens them before, and keeps them. */
struct mime_charsets;
struct mime_charsets *mime_charsets_open(void);
/* NULL is fine, and is left. */
void mime_charsets_close(struct mime_charsets **c);

/* In A. 0, or -EBADMSG: this is no mail. */
int mime_read(const char *data, size_t len, struct arena *a,
	      struct mime_mail *ret);
/* The first field of this name; NULL: none. */
const char *mime_field(const struct mime_mail *m, const char *name);

#endif
