#include "deliver/web_hide.h"

#include <string.h>

#define WH_STARS "***"
#define WH_LEAST 4  /* of what is surely a secret */
#define WH_PIECE 12 /* of what looks like one; shorter ones are words */

static void
wh_word(char *text, const char *word, size_t len)
{
	size_t stars = strlen(WH_STARS);

	if (len < WH_LEAST)
		return;
	while ((text = memmem(text, strlen(text), word, len)) != NULL) {
		memcpy(text, WH_STARS, stars);
		memmove(text + stars, text + len, strlen(text + len) + 1);
		text += stars;
	}
}

/* What stands between BETWEEN in S. */
static void
wh_pieces(char *text, const char *s, const char *between)
{
	while (*s != '\0') {
		size_t n = strcspn(s, between);

		if (n >= WH_PIECE)
			wh_word(text, s, n);
		s += n + (s[n] != '\0');
	}
}

/* scheme "://" [ user [ ":" password ] "@" ] host path */
static void
wh_url(char *text, const char *url)
{
	const char *host = strstr(url, "://"), *at, *colon;
	size_t len;

	if (host == NULL)
		return;
	host += strlen("://");
	len = strcspn(host, "/?#");
	at = memrchr(host, '@', len);
	colon = at != NULL ? memchr(host, ':', (size_t)(at - host)) : NULL;
	if (colon != NULL)
		wh_word(text, colon + 1, (size_t)(at - colon) - 1);
	wh_word(text, host + len, strlen(host + len));
	wh_pieces(text, host + len, "/?#&=:;,");
}

void
web_hide(const struct endpoint *ep, char *text)
{
	wh_url(text, ep->url);
	for (size_t i = 0; i < ep->nheaders; i++) {
		const char *value = ep->headers[i].value;
		const char *last = strrchr(value, ' ');

		value = last != NULL ? last + 1 : value;
		wh_word(text, value, strlen(value));
	}
	if (ep->insert != NULL)
		wh_pieces(text, ep->insert, "\"");
}
