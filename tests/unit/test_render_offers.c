/*
 * What a mail offers: links, to answer it, and where help is written down.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/render_kit.h"

/* What can still be done about it is offered, and nothing else. */
static void
test_offers(void **state)
{
	static const struct {
		const char *name, *row;
		bool links, acked;
		const char *text; /* of what stands before "Why you get" */
	} rows[] = {
		{"all", "firing", true, false,
		 "\r\nOr answer this mail with the one word: ack\r\n\r\n"},
		{"no links", "firing", false, false,
		 "\r\n\r\nTo acknowledge it, answer this mail with the one "
		 "word: ack\r\n\r\n"},
		{"acknowledged", "firing", true, true,
		 "tab=1\r\n\r\nSilence: "},
		{"acknowledged in part", "acked", true, false, "Or answer"},
		{"over", "recovery", true, false, "\r\n\r\nAll of it: "},
		{"over, no links", "recovery", false, false,
		 "tab=1\r\n\r\nWhy"},
	};
	struct render *r = kit_render("");

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct kit_row *row = kit_rows;
		struct render_alert a;
		struct render_notice n;
		struct buf out;

		while (strcmp(row->name, rows[i].row) != 0)
			row++;
		n = kit_notice(row);
		if (!rows[i].links)
			n.ack_url = n.silence_url = n.show_url = NULL;
		if (rows[i].acked) {
			a = n.v[0];
			a.acked_by = "ben";
			n.v = &a;
		}
		buf_init(&out, RENDER_MAIL_MAX);
		assert_int_equal(render_mail(r, &n, "anna@example.org", &out),
				 0);
		if (strstr(buf_str(&out), rows[i].text) == NULL)
			fail_msg("%s: no \"%s\" in %s", rows[i].name,
				 rows[i].text, buf_str(&out));
		if (strstr(buf_str(&out), "Acknowledge:") != NULL &&
		    (!rows[i].links || rows[i].acked))
			fail_msg("%s: acknowledge what?", rows[i].name);
		buf_done(&out);
	}
	render_unref(&r);
}

/* How often TEXT is said. */
static size_t
count(const struct buf *out, const char *text)
{
	size_t n = 0;

	for (const char *p = buf_str(out); (p = strstr(p, text)) != NULL; p++)
		n++;
	return n;
}

/* Without `alerts.reply`, or without a token, no answer is asked for, neither
 * in the text nor in HTML. */
static void
test_no_reply(void **state)
{
	static const struct {
		const char *name, *reply, *token;
		bool links, offered;
	} rows[] = {
		{"both", "example.org", "T", true, true},
		{"no domain", "", "T", true, false},
		{"no domain, no links", "", "T", false, false},
		{"no token", "example.org", NULL, true, false},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct render *r = kit_render_reply(rows[i].reply);
		struct render_notice n = kit_notice(kit_find("firing"));
		char field[8192];
		struct buf out;

		n.reply_token = rows[i].token;
		if (!rows[i].links)
			n.ack_url = n.silence_url = n.show_url = NULL;
		buf_init(&out, RENDER_MAIL_MAX);
		assert_int_equal(render_mail(r, &n, "anna@example.org", &out),
				 0);
		if (count(&out, "the one word: ack") !=
		    (rows[i].offered ? 2 : 0))
			fail_msg("%s: %s", rows[i].name, buf_str(&out));
		if (strcmp(kit_field(&out, "Reply-To", 0, field),
			   rows[i].offered ? "<alert+T@example.org>" : "") != 0)
			fail_msg("%s: %s", rows[i].name, field);
		buf_done(&out);
		render_unref(&r);
	}
}

#define RUNBOOK(name) "https://" name ".example.org/"

/* Where it is written down: as the rule says, then its annotation, then its
 * label. */
static void
test_runbook(void **state)
{
	static const struct {
		const char *name, *rule, *annotation, *label;
		const char *said; /* NULL: none is */
	} rows[] = {
		{"all", RUNBOOK("rule"), RUNBOOK("note"), RUNBOOK("label"),
		 "Runbook: " RUNBOOK("rule") "\r\n"},
		{"an annotation", NULL, RUNBOOK("note"), RUNBOOK("label"),
		 "Runbook: " RUNBOOK("note") "\r\n"},
		{"a label", NULL, NULL, RUNBOOK("label"),
		 "Runbook: " RUNBOOK("label") "\r\n"},
		{"a label, and the rule has an empty one", "", NULL,
		 RUNBOOK("label"), "Runbook: " RUNBOOK("label") "\r\n"},
		{"none", NULL, NULL, NULL, NULL},
		{"a label that leads elsewhere", NULL, NULL,
		 "javascript:alert(1)", NULL},
	};
	struct render *r = kit_render("");

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct label of_labels[] = {{"runbook_url", rows[i].label}};
		struct label of_notes[] = {{"runbook_url", rows[i].annotation}};
		const struct labels labels = {rows[i].label != NULL, of_labels};
		const struct labels notes = {rows[i].annotation != NULL,
					     of_notes};
		struct render_notice n = kit_notice(kit_find("firing"));
		struct render_alert a = n.v[0];
		struct buf out;

		a.labels = &labels;
		a.annotations = &notes;
		a.runbook = rows[i].rule;
		n.v = &a;
		buf_init(&out, RENDER_MAIL_MAX);
		assert_int_equal(render_mail(r, &n, "anna@example.org", &out),
				 0);
		if (rows[i].said != NULL ? count(&out, rows[i].said) != 1
					 : count(&out, "Runbook") != 0)
			fail_msg("%s: %s", rows[i].name, buf_str(&out));
		buf_done(&out);
	}
	render_unref(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offers),
		cmocka_unit_test(test_no_reply),
		cmocka_unit_test(test_runbook),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
