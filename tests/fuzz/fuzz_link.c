/*
 * Tokens: one that was made is read for its recipient and its kind and for no
 * other, and not with another letter; what is read at all is what we would
 * make.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "alert/link.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

#define TEXT_MAX 512

static const struct alert_link_key key = {{1, 2, 3}};

/* Some bytes of the input as a number. */
static uint64_t
take(const unsigned char **data, size_t *len, size_t n)
{
	uint64_t v = 0;

	for (; n > 0 && *len > 0; n--, (*len)--)
		v = v << 8 | *(*data)++;
	return v;
}

static void
read_text(const char *text)
{
	for (int kind = ALERT_TOKEN_LINK; kind <= ALERT_TOKEN_MARK; kind++) {
		char again[ALERT_TOKEN_LEN + 1];
		struct alert_token t;

		if (alert_token_read(&key, (enum alert_token_kind)kind, text,
				     "a@b", 0, &t) < 0)
			continue;
		alert_token_make(&key, &t, "a@b", again);
		must(strcasecmp(again, text) == 0);
	}
}

static void
make(const unsigned char *data, size_t len)
{
	const struct alert_token token = {
		.kind = (uint8_t)(1 + take(&data, &len, 1) % 4),
		.action = (uint8_t)(take(&data, &len, 1) % 4),
		.seq = (uint32_t)take(&data, &len, 4),
		.group = take(&data, &len, 8),
		.expires_ms = (int64_t)(take(&data, &len, 5) + 1),
	};
	enum alert_token_kind kind = (enum alert_token_kind)token.kind;
	size_t at = take(&data, &len, 1) % ALERT_TOKEN_LEN;
	char text[ALERT_TOKEN_LEN + 1];
	struct alert_token t;

	alert_token_make(&key, &token, "Anna@b", text);
	must(strlen(text) == ALERT_TOKEN_LEN);
	must(alert_token_read(&key, kind, text, "aNNa@b", 0, &t) == 0);
	must(t.kind == token.kind && t.action == token.action &&
	     t.seq == token.seq && t.group == token.group &&
	     t.expires_ms >= token.expires_ms);
	must(alert_token_read(&key, kind, text, "ben@b", 0, &t) == -EBADMSG);
	must(alert_token_read(&key, (enum alert_token_kind)(1 + kind % 4), text,
			      "anna@b", 0, &t) == -EBADMSG);
	must(alert_token_read(&key, kind, text, "anna@b", INT64_MAX, &t) ==
	     -ETIME);
	text[at] = text[at] == 'a' ? 'b' : 'a';
	must(alert_token_read(&key, kind, text, "anna@b", 0, &t) == -EBADMSG);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	char text[TEXT_MAX + 1];

	if (len > TEXT_MAX)
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	read_text(text);
	make(data, len);
	return 0;
}
