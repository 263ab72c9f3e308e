#include "mail/received.h"

#include <stdio.h>

#include "base/clock.h"

/* A word of a client in a field of ours: nothing that could end the word, a
 * comment or the line. */
#define WORD_MAX 300

static const char *
rv_word(const char *s, char ret[static WORD_MAX])
{
	size_t n = 0;

	for (; *s != '\0' && n + 1 < WORD_MAX; s++)
		ret[n++] = *s > ' ' && *s < 0x7f && *s != '(' && *s != ')' &&
					   *s != ';'
				   ? *s
				   : '?';
	ret[n] = '\0';
	return n > 0 ? ret : "unknown";
}

int
received_write(const struct received *r, struct buf *out)
{
	char helo[WORD_MAX], by[WORD_MAX], who[3 * WORD_MAX];
	char date[CLOCK_RFC5322_LEN];
	const char *dest = r->for_rcpt, *tls = r->tls;

	rv_word(r->by, by);
	if (r->client_ip != NULL)
		snprintf(who, sizeof(who), "from %s ([%s])\r\n\tby %s (Belfry)",
			 rv_word(r->helo, helo), r->client_ip, by);
	else
		snprintf(who, sizeof(who), "by %s (Belfry, from userid %lld)",
			 by, (long long)r->client_uid);
	clock_rfc5322(r->now_ms, date);
	return buf_printf(
		out, "Received: %s%s%s%s\r\n\twith %s id %s%s%s%s;\r\n\t%s\r\n",
		who, tls != NULL ? "\r\n\t(" : "", tls != NULL ? tls : "",
		tls != NULL ? ")" : "", r->with, r->id,
		dest != NULL ? "\r\n\tfor <" : "", dest != NULL ? dest : "",
		dest != NULL ? ">" : "", date);
}

int
received_write_date(int64_t now_ms, struct buf *out)
{
	char date[CLOCK_RFC5322_LEN];

	clock_rfc5322(now_ms, date);
	return buf_printf(out, "Date: %s\r\n", date);
}

int
received_write_message_id(const char *id, const char *host, struct buf *out)
{
	return buf_printf(out, "Message-ID: <%s@%s>\r\n", id, host);
}
