/*
 * The first two bytes choose how the client stands and in what pieces it sends;
 * the rest is what it sends. After each run: a draft is never left open, an
 * accepted message has a recipient (the backend insists), and the stored
 * content ends in nothing but whole lines.
 */
#include <stdint.h>
#include <string.h>

#include "base/must.h"
#include "tests/proto/backend.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_content(const struct backend_message *m)
{
	for (size_t i = 0; i < m->content.len; i++) {
		char c = m->content.data[i];

		must(c != '\0');
		if (c == '\n')
			must(i > 0 && m->content.data[i - 1] == '\r');
		if (c == '\r')
			must(i + 1 < m->content.len &&
			     m->content.data[i + 1] == '\n');
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct backend b;

	if (len < 2)
		return 0;
	backend_init(&b);
	if (data[0] & 1)
		backend_submit(&b, "anna@relay.example.org");
	b.slow = data[0] & 2;
	b.client.trusted = (data[0] & 4) == 0;
	b.limits.message_size = data[0] & 8 ? 300 : 100000;
	b.limits.header_size = data[0] & 16 ? 100 : 10000;
	b.limits.text_line = data[0] & 32 ? 80 : 2000;
	b.limits.command_line = 512;
	b.limits.errors = 1000;
	b.step = data[1];
	backend_start(&b);
	backend_feed(&b, (const char *)data + 2, len - 2);
	for (size_t i = 0; i < b.nmessages; i++)
		check_content(&b.messages[i]);
	smtp_in_end(&b.si, SMTP_IN_NO_SHUTDOWN);
	backend_done(&b);
	return 0;
}
