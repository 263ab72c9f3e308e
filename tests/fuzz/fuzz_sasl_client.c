/*
 * The client's side of a login: the first byte says which mechanism, each line
 * behind it is a challenge;.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "mail/sasl_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
look_at_words(const struct sasl_client *sc)
{
	for (const char *p = sasl_client_words(sc); *p != '\0'; p++)
		must(*p >= ' ' && *p <= '~');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size), *at = text, *line;
	struct sasl_client *sc;
	struct buf out;
	int r;

	if (text[0] == '\0') {
		free(text);
		return 0;
	}
	sc = sasl_client_new(
		(enum sasl_mechanism)((unsigned char)*at++ % SASL_NMECHANISM),
		"anna", "secret");
	buf_init(&out, 65536);
	r = sasl_client_first(sc, &out);
	while (r >= 0 && (line = strsep(&at, "\n")) != NULL) {
		size_t before = out.len;

		r = sasl_client_answer(sc, line, &out);
		must(r >= 0 || out.len == before);
		look_at_words(sc);
	}
	must(strstr(buf_str(&out), "secret") == NULL);
	buf_done(&out);
	sasl_client_free(&sc);
	free(text);
	return 0;
}
