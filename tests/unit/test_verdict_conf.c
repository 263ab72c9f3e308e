/*
 * How mail is judged, and what `belfry check` says of that.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/config_kit.h"
#include "tests/unit/test.h"

#define HOST "hostname: relay1.example.org\n"
#define OUT  "delivery: {smarthost: [{host: smtp.example.net}]}\n"

static const struct config_row rows[] = {
	{"on_reject", HOST OUT "verdict: {dmarc: {on_reject: bounce}}\n",
	 "t:3:30: `on_reject` can't be `bounce`; one of mark, hold, tempfail, "
	 "reject, discard\n"},
	{"another engine of SPF",
	 HOST OUT "verdict: {spf: {engine: libspf2}}\n",
	 "t:3:10: warning: spf.engine is libspf2: it takes `redirect` before "
	 "its turn and explains nothing, and Belfry's own answers where it is "
	 "not safe\n"},
	{"held mail",
	 HOST OUT "verdict: {dmarc: {on_reject: reject, on_quarantine: hold}}"
		  "\n",
	 "t:3:10: warning: dmarc.on_quarantine is hold: nobody is told of what "
	 "is held, sender nor recipient; `belfry queue list` shows it, behind "
	 "belfry-milter `mailq`\n"},
	{"discarded mail", HOST OUT "verdict: {dmarc: {on_reject: discard}}\n",
	 "t:3:10: warning: dmarc.on_reject is discard: nobody is told of what "
	 "is discarded, sender nor recipient\n"},
	{"authserv_id", HOST OUT "verdict: {authserv_id: mx 1}\n",
	 "t:3:24: the id of Authentication-Results is a name like "
	 "mx1.example.org, not `mx 1`\n"},
	{"a trusted host",
	 HOST OUT "verdict: {trusted_authserv: [{id: a.example, networks: "
		  "[loopback]}]}\n",
	 ""},
	{"a trusted host anywhere",
	 HOST OUT "verdict: {trusted_authserv: [{id: a.example, networks: "
		  "[0.0.0.0/0]}]}\n",
	 "t:3:30: warning: `a.example` is believed from more than private "
	 "networks: whoever is there may say what he wants of his mail\n"},
};

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *says = config_complaints(rows[i].text);

		if (strcmp(says, rows[i].says) != 0)
			fail_msg("%s:\n%s", rows[i].name, says);
		free(says);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
