#include "cli/when.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alert/civil.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/xalloc.h"
#include "cli/command.h"
#include "cli/text.h"

static int
when_refuse(const char *text, const char *example)
{
	char *clean = text_clean(text);

	cli_say("`%s` is no time; write for example %s", clean, example);
	free(clean);
	return CLI_USAGE;
}

static int64_t
when_of_tm(struct tm tm)
{
	tm.tm_isdst = -1;
	return (int64_t)mktime(&tm) * 1000;
}

/* Today or tomorrow. */
static int64_t
when_next(int minute, int64_t now_ms)
{
	time_t now = (time_t)(now_ms / 1000);
	struct tm tm;
	int64_t ms;

	localtime_r(&now, &tm);
	tm.tm_hour = minute / 60;
	tm.tm_min = minute % 60;
	tm.tm_sec = 0;
	ms = when_of_tm(tm);
	tm.tm_mday++;
	return ms > now_ms ? ms : when_of_tm(tm);
}

/* With a time, and an offset behind it. */
static int
when_parse_offset(const char *text, int64_t *ret_ms)
{
	size_t len = strlen(text);
	char *whole;
	int r;

	if (len < 17 || strchr("Zz+-:.0123456789", text[16]) == NULL)
		return -1;
	if (text[16] == ':')
		return strpbrk(text + 17, "Zz+-") != NULL
			       ? clock_rfc3339_parse(text, ret_ms)
			       : -1;
	/* Without seconds. */
	whole = xasprintf("%.16s:00%s", text, text + 16);
	r = clock_rfc3339_parse(whole, ret_ms);
	free(whole);
	return r;
}

int
when_parse(const char *text, int64_t now_ms, int64_t *ret_ms)
{
	int minute = civil_parse_minute(text);
	struct civil c;
	bool date_only;

	if (minute >= 0) {
		*ret_ms = when_next(minute, now_ms);
		return CLI_OK;
	}
	if (civil_parse(text, &c, &date_only) == 0) {
		*ret_ms = when_of_tm((struct tm){
			.tm_year = c.year - 1900,
			.tm_mon = c.month - 1,
			.tm_mday = c.day,
			.tm_hour = c.hour,
			.tm_min = c.minute,
			.tm_sec = c.second,
		});
		return CLI_OK;
	}
	if (when_parse_offset(text, ret_ms) == 0)
		return CLI_OK;
	return when_refuse(text, WHEN_HELP);
}

int
when_parse_length(const char *text, int64_t *ret_ms)
{
	int64_t ms;

	if (conf_parse_time(text, &ms) < 0 || ms == 0)
		return when_refuse(text, "30m, 4h or 1d");
	*ret_ms = ms;
	return CLI_OK;
}
