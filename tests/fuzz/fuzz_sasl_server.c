/*
 * A client that says anything in a login: the first byte says which mechanism
 * and whether there is an initial response, each line is one of the client's.
 * Nobody proves anything by it, and each way ends.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "mail/sasl_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
keys(void *arg, const char *name, struct scram_keys *ret)
{
	static const struct scram_keys some = {
		.iterations = 4096,
		.salt = "W22ZaJ0SNY7soEsUEjb6gQ==",
		.stored = "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=",
		.server = "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
	};

	(void)arg;
	must(name != NULL);
	*ret = some;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sasl_context *context; /* made once */
	char *text = xstrndup((const char *)data, size), *at = text, *line;
	enum sasl_result result = SASL_GO_ON;
	struct sasl_server *s;
	unsigned char how = (unsigned char)text[0];
	struct buf out;

	if (context == NULL)
		context = sasl_context_new();
	s = sasl_server_new(context, (enum sasl_mech)(how % SASL_NMECH), NULL,
			    keys, NULL);
	if (how != '\0')
		at++;
	buf_init(&out, 1024);
	if (how / SASL_NMECH % 2 == 0)
		result = sasl_server_step(s, NULL, &out);
	while (result == SASL_GO_ON && (line = strsep(&at, "\n")) != NULL) {
		buf_clear(&out);
		result = sasl_server_step(s, line, &out);
	}
	must(result != SASL_PROVED);
	if (result == SASL_PASSWORD)
		must(sasl_server_user(s)[0] != '\0' &&
		     sasl_server_password(s) != NULL);
	buf_done(&out);
	sasl_server_free(&s);
	free(text);
	return 0;
}
