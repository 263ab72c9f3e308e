/*
 * smtp_out_ehlo - what a server offers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "deliver/smtp_out_impl.h"

void
smtp_out_forget_ehlo(struct smtp_out *so)
{
	so->pipelining = so->chunking = so->eight_bit_mime = so->size =
		so->dsn = so->smtputf8 = so->starttls = false;
	so->size_max = 0;
	so->logins = 0;
	so->ehlo_lines = 0;
}

/* Of AUTH: all that is offered. */
static void
so_note_logins(struct smtp_out *so, const char *words)
{
	while (*words != '\0') {
		size_t len = strcspn(words, " ");

		for (unsigned m = 0; m < SASL_NMECHANISM; m++)
			if (strlen(sasl_mechanism_names[m]) == len &&
			    strncasecmp(words, sasl_mechanism_names[m], len) ==
				    0)
				so->logins |= 1u << m;
		words += len + strspn(words + len, " ");
	}
}

static int64_t
so_number(const char *s)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(s, &end, 10);
	return errno || end == s || n < 0 ? 0 : n;
}

void
smtp_out_keyword(void *arg, int code, const char *text)
{
	struct smtp_out *so = arg;

	if (so->state != SMTP_OUT_EHLO || code / 100 != 2 ||
	    so->ehlo_lines++ == 0)
		return;
	if (strcasecmp(text, "PIPELINING") == 0) {
		so->pipelining = true;
	} else if (strcasecmp(text, "CHUNKING") == 0) {
		so->chunking = true;
	} else if (strcasecmp(text, "8BITMIME") == 0) {
		so->eight_bit_mime = true;
	} else if (strcasecmp(text, "DSN") == 0) {
		so->dsn = true;
	} else if (strcasecmp(text, "SMTPUTF8") == 0) {
		so->smtputf8 = true;
	} else if (strcasecmp(text, "STARTTLS") == 0) {
		so->starttls = true;
	} else if (strncasecmp(text, "AUTH", 4) == 0 &&
		   (text[4] == ' ' || text[4] == '=')) {
		so_note_logins(so, text + 5);
	} else if (strncasecmp(text, "SIZE", 4) == 0 &&
		   (text[4] == '\0' || text[4] == ' ')) {
		so->size = true;
		so->size_max = so_number(text + 4);
	}
}
