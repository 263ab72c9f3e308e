#include "tests/unit/snapshot_kit.h"

#include <string.h>

#include "tests/unit/test.h"

struct snapshot *
snapshot_kit_new(struct relay *relay, const char *text)
{
	struct config *config = NULL;
	struct snapshot *snapshot;
	struct conf_errors e;

	relay_metrics_init(relay);
	conf_errors_init(&e);
	assert_int_equal(config_load_text("t", text, strlen(text), &config, &e),
			 0);
	assert_int_equal(
		snapshot_new(config, &relay->smtp_metrics, &e, &snapshot), 0);
	config_unref(&config);
	conf_errors_done(&e);
	return snapshot;
}
