/*
 * Any bytes as a configuration: read through the real tables, with the checks
 * across sections. What is taken must be usable, what is refused must say why.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/must.h"
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct conf_errors e;
	struct config *c = NULL;
	int r;

	conf_errors_init(&e);
	r = config_load_text("fuzz", (const char *)data, len, &c, &e);
	must((r == 0) == (e.total == 0));
	must((r == 0) == (c != NULL));
	if (c != NULL) {
		must(c->hostname[0] != '\0');
		must(c->nloops >= 1);
		must(c->store_reserve <= c->store.max_size / 2);
		for (size_t i = 0; i < c->listeners.n; i++)
			must(config_listener(c, i)->name[0] != '\0');
	}
	config_unref(&c);
	conf_errors_done(&e);
	return 0;
}
