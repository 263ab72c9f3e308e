#include "cli/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "cli/command.h"
#include "mail/address.h"
#include "queue/queue.h"

void
text_age(int64_t ms, char ret[static TEXT_MAX])
{
	int64_t s = ms > 0 ? ms / 1000 : 0;

	if (s < 60)
		snprintf(ret, TEXT_MAX, "%" PRId64 "s", s);
	else if (s < 3600)
		snprintf(ret, TEXT_MAX, "%" PRId64 "m", s / 60);
	else if (s < 86400)
		snprintf(ret, TEXT_MAX, "%" PRId64 "h%02" PRId64 "m", s / 3600,
			 s / 60 % 60);
	else
		snprintf(ret, TEXT_MAX, "%" PRId64 "d%" PRId64 "h", s / 86400,
			 s / 3600 % 24);
}

void
text_size(int64_t bytes, char ret[static TEXT_MAX])
{
	static const char units[] = "KMGT";
	double v = (double)bytes;
	size_t u = 0;

	if (bytes < 1024) {
		snprintf(ret, TEXT_MAX, "%" PRId64 "B", bytes);
		return;
	}
	for (v /= 1024; v >= 1024 && units[u + 1] != '\0'; v /= 1024)
		u++;
	snprintf(ret, TEXT_MAX, v < 10 ? "%.1f%c" : "%.0f%c", v, units[u]);
}

void
text_time_exactly(int64_t wall_ms, char ret[static TEXT_MAX])
{
	time_t t = (time_t)(wall_ms / 1000);
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL ||
	    strftime(ret, TEXT_MAX, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(ret, TEXT_MAX, "?");
}

void
text_time(int64_t wall_ms, char ret[static TEXT_MAX])
{
	char *seconds;

	text_time_exactly(wall_ms, ret);
	seconds = strrchr(ret, ':');
	if (seconds != NULL)
		*seconds = '\0';
}

int64_t
text_now(void)
{
	return clock_wall_ms(clock_system());
}

void
text_put(const char *s, FILE *out)
{
	size_t len = strlen(s);

	for (size_t i = 0, n; i < len; i += n) {
		uint32_t c = 0;

		n = utf8_next(s + i, len - i, &c);
		if (n == 0 || c < ' ' || (c >= 0x7f && c < 0xa0) ||
		    utf8_is_turn(c)) {
			n = n == 0 ? 1 : n;
			fputc('?', out);
		} else {
			fwrite(s + i, 1, n, out);
		}
	}
}

void
text_put_lines(const char *data, size_t len, FILE *out)
{
	char *copy = xmalloc(len + 1), *line = copy, *next;

	memcpy(copy, data, len);
	copy[len] = '\0';
	for (size_t i = 0; i < len; i++)
		if (copy[i] == '\0')
			copy[i] = '?';
	for (; line != NULL; line = next) {
		size_t n = strcspn(line, "\n");

		next = line[n] == '\n' ? line + n + 1 : NULL;
		line[n] = '\0';
		if (n > 0 && line[n - 1] == '\r')
			line[n - 1] = '\0';
		for (char *tab = strchr(line, '\t'); tab != NULL;
		     tab = strchr(tab, '\t'))
			*tab = ' ';
		text_put(line, out);
		if (next != NULL)
			fputc('\n', out);
	}
	free(copy);
}

char *
text_clean(const char *s)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	must(out != NULL);
	text_put(s, out);
	must(fclose(out) == 0);
	return text;
}

char *
text_sender(const char *s)
{
	size_t len = strlen(s), used;
	struct address address;
	struct arena arena;
	char *sender = NULL, *clean;
	const char *why;
	int r;

	if (len == 0)
		return xstrdup("");
	arena_init(&arena);
	r = s[0] == '<' ? address_parse_path(s, len, true, &arena, &address,
					     &used, &why)
			: address_parse(s, &arena, &address, &why);
	if (r == 0 && (s[0] != '<' || used == len) &&
	    (address.domain[0] != '\0' || address_is_null(&address)))
		sender = xstrdup(address_text(&address, &arena));
	arena_done(&arena);
	if (sender == NULL) {
		clean = text_clean(s);
		cli_say("`%s` is no address", clean);
		free(clean);
	}
	return sender;
}

bool
text_is_id(const char *s)
{
	static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	return strlen(s) == QUEUE_ID_LEN - 1 &&
	       strspn(s, alphabet) == QUEUE_ID_LEN - 1;
}
