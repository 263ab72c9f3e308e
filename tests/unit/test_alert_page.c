#include "relay/alert_page.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/test.h"

static struct alert_page
page(void)
{
	static const struct page_alert alerts[] = {
		{
			.summary = "Disk <b>full</b>",
			.labels = "alertname=\"A\"",
			.state = INCIDENT_OPEN,
			.starts_ms = INT64_C(1795345200000),
			.acked_by = "",
			.url = "https://p.example.org/?a=1&b=2",
		},
		{
			.summary = "Other",
			.labels = "",
			.state = INCIDENT_STALE,
			.starts_ms = INT64_C(1795345200000),
			.acked_by = "anna@example.org",
			.silenced = true,
			.url = "",
		},
	};
	struct alert_page p = {
		.title = "[london] A & B",
		.said = "",
		.wrong = "",
		.n = 2,
		.v = alerts,
		.form = true,
		.silence = true,
		.first = PAGE_ACK,
	};

	assert_int_equal(zone_open("Europe/Berlin", &p.zone), 0);
	return p;
}

static char *
written(const struct alert_page *p)
{
	struct buf out;

	buf_init(&out, ALERT_PAGE_MAX);
	assert_int_equal(alert_page_write(p, &out), 0);
	return buf_take(&out);
}

static void
assert_has(const char *text, const char *what)
{
	if (strstr(text, what) == NULL)
		fail_msg("no `%s` in\n%s", what, text);
}

static void
assert_has_not(const char *text, const char *what)
{
	if (strstr(text, what) != NULL)
		fail_msg("`%s` is in\n%s", what, text);
}

static void
test_page(void **state)
{
	struct alert_page p = page();
	char *text = written(&p);

	(void)state;
	assert_has(text, "<title>[london] A &amp; B</title>");
	assert_has(text, "Disk &lt;b&gt;full&lt;/b&gt;</strong> is firing");
	assert_has(text, "since 2026-11-22 12:00 CET");
	assert_has(text, "href=\"https://p.example.org/?a=1&amp;b=2\"");
	assert_has(text, "Other</strong> is no longer reported");
	assert_has(text, ", acknowledged by anna@example.org, silenced<");
	assert_has(text, "<form method=\"post\">");
	assert_has(text, "value=\"ack\" class=\"first\">Acknowledge</button>");
	assert_has(text, "value=\"silence-monday\">until Monday</button>");
	assert_has(text, "value=\"close\">");
	assert_has_not(text, "<script");
	assert_has_not(text, "class=\"said\"");
	assert_has_not(text, "class=\"wrong\"");
	assert_has_not(text, " more</p>");
	free(text);
}

/* The key Enter presses the first button of a form. */
static void
test_first_button(void **state)
{
	static const struct {
		enum page_act first;
		const char *block;
	} rows[] = {
		{PAGE_ACK, "value=\"ack\""},
		{PAGE_SILENCE_4H, "value=\"silence-1h\""},
		{PAGE_CLOSE, "value=\"close\""},
	};
	struct alert_page p = page();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text, *first;

		p.first = rows[i].first;
		text = written(&p);
		first = strstr(text, "<button");
		assert_non_null(first);
		*strchr(first, '>') = '\0';
		assert_has(first, rows[i].block);
		free(text);
	}
}

static void
test_without(void **state)
{
	struct alert_page p = page();
	char *text;

	(void)state;
	p.silence = false;
	p.said = "Acknowledged.";
	p.more = 7;
	text = written(&p);
	assert_has(text, "role=\"status\">Acknowledged.</p>");
	assert_has(text, "<p>and 7 more</p>");
	assert_has_not(text, "value=\"silence-1h\"");
	free(text);
	p.form = false;
	p.said = "";
	p.wrong = "This link is too old.";
	p.n = p.more = 0;
	text = written(&p);
	assert_has(text, "role=\"alert\">This link is too old.</p>");
	assert_has_not(text, "<form");
	assert_has_not(text, "<ul>");
	free(text);
}

static void
test_as_large_as_it_can_be(void **state)
{
	static struct page_alert alerts[ALERT_PAGE_ALERTS_MAX];
	static char summary[401], labels[2001];
	struct alert_page p = page();

	(void)state;
	memset(summary, '"', sizeof(summary) - 1);
	memset(labels, 'x', sizeof(labels) - 1);
	for (size_t i = 0; i < ALERT_PAGE_ALERTS_MAX; i++)
		alerts[i] = (struct page_alert){
			.summary = summary,
			.labels = labels,
			.acked_by = "anna@example.org",
			.url = "",
		};
	p.n = ALERT_PAGE_ALERTS_MAX;
	p.v = alerts;
	free(written(&p));
}

/* The policy names the style that the page has; `openssl dgst` says the same. */
static void
test_policy(void **state)
{
	char policy[ALERT_PAGE_POLICY_MAX];

	(void)state;
	alert_page_policy(policy);
	assert_has(policy, "default-src 'none'; style-src 'sha256-");
	assert_has(policy, "'; form-action 'self'; frame-ancestors 'none'; "
			   "base-uri 'none'");
}

static void
test_url(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	assert_int_equal(alert_page_url("https://b.example.org", "abc",
					"o'neill+x@example.org", &out),
			 0);
	assert_string_equal(buf_str(&out), "https://b.example.org/alert/abc?to="
					   "o%27neill%2Bx%40example.org");
	buf_done(&out);
	buf_init(&out, 30);
	assert_int_equal(alert_page_url("https://b.example.org", "abc",
					"anna@example.org", &out),
			 -EMSGSIZE);
	buf_done(&out);
}

static const struct until_row {
	const char *name;
	enum page_act act;
	const char *zone;
	int64_t now_ms, until_ms;
} untils[] = {
	{"an hour", PAGE_SILENCE_1H, "UTC", 1000, 3601000},
	{"four hours", PAGE_SILENCE_4H, "UTC", 1000, 14401000},
	{"a day", PAGE_SILENCE_1D, "UTC", 1000, 86401000},
	/* 2026-11-22 is a Sunday. */
	{"Sunday to Monday", PAGE_SILENCE_MONDAY, "UTC", 1795345200000,
	 1795420800000},
	{"eight o'clock there", PAGE_SILENCE_MONDAY, "Europe/Berlin",
	 1795345200000, 1795417200000},
	{"it is Monday there", PAGE_SILENCE_MONDAY, "Asia/Tokyo", 1795363200000,
	 1795993200000},
	{"Monday to the next", PAGE_SILENCE_MONDAY, "UTC", 1795414600000,
	 1796025600000},
	{"Saturday to Monday", PAGE_SILENCE_MONDAY, "UTC", 1795258800000,
	 1795420800000},
	{"over the end of summer time", PAGE_SILENCE_MONDAY, "Europe/Berlin",
	 1792839600000, 1792998000000},
};

static void
test_until(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(untils) / sizeof(untils[0]); i++) {
		struct zone *zone;

		print_message("%s\n", untils[i].name);
		assert_int_equal(zone_open(untils[i].zone, &zone), 0);
		assert_int_equal(alert_page_silence_until(untils[i].act, zone,
							  untils[i].now_ms),
				 untils[i].until_ms);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_page),
		cmocka_unit_test(test_first_button),
		cmocka_unit_test(test_without),
		cmocka_unit_test(test_as_large_as_it_can_be),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_url),
		cmocka_unit_test(test_until),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
