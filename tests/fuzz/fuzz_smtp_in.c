/*
 * The first two bytes choose how the client stands, what the queue does, and in
 * what pieces is sent; the rest is what the client sends. After each run: a
 * draft is never left open, an accepted message has a recipient (the backend
 * insists), the stored content ends in nothing but whole lines, and as many
 * messages were said to be queued as are stored.
 */
#include <errno.h>
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

/* What a client says never begins a line of ours. */
static size_t
count_queued(struct buf *out)
{
	static const char yes[] = "\n250 2.0.0 queued as ";
	const char *at = buf_str(out);
	size_t n = 0;

	while ((at = strstr(at, yes)) != NULL) {
		at += strlen(yes);
		n++;
	}
	return n;
}

static void
choose_queue(struct backend *b, unsigned how, bool full)
{
	switch (how) {
	case 0:
		b->full = full;
		break;
	case 1:
		b->open_result = -ENOSPC;
		break;
	case 2:
		b->write_result = -ENOSPC;
		break;
	case 3:
		b->commit_result = full ? -ENOSPC : -EIO;
		break;
	}
}

/* Strangers are judged, what others send is signed. What is discarded is said to
 * be queued: not here. */
static void
choose_seal(struct backend *b, unsigned how)
{
	static const char *const actions[] = {"reject", "hold", "tempfail",
					      "mark"};

	if (b->client.trusted)
		backend_sign(b);
	else
		backend_judge(b, how & 4 ? VERDICT_TRUST : VERDICT_EVALUATE,
			      actions[how & 3]);
	b->front_result = how == 7 ? -EMSGSIZE : 0;
	b->sign_result = how == 6 ? -EIO : how == 5 ? -EBADMSG : 0;
}

/* Where STARTTLS may be said, line by line: a handshake follows that at once,
 * and of what was said before nothing is left. */
static void
feed(struct backend *b, const char *data, size_t len)
{
	const char *end;
	size_t n;

	while (len > 0 && b->si.state != SMTP_IN_CLOSED) {
		end = b->conf.tls == CONFIG_TLS_NONE ? NULL
						     : memchr(data, '\n', len);
		n = end != NULL ? (size_t)(end - data) + 1 : len;
		backend_feed(b, data, n);
		data += n;
		len -= n;
		if (b->si.state != SMTP_IN_TLS)
			continue;
		must(b->in.len == 0 && !b->drafting);
		backend_secure(b);
		must(b->si.state == SMTP_IN_GREET && b->si.helo[0] == '\0');
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct backend b;

	if (len < 2)
		return 0;
	backend_init(&b);
	if ((data[0] & 65) == 65)
		backend_auth(&b, data[0] & 4 ? CONFIG_AUTH_REQUIRED
					     : CONFIG_AUTH_OPTIONAL);
	else if (data[0] & 1)
		backend_submit(&b, "anna@relay.example.org");
	else if (data[0] & 64)
		backend_inbound(&b);
	if (data[1] & 16)
		b.conf.tls =
			data[0] & 8 ? CONFIG_TLS_REQUIRED : CONFIG_TLS_STARTTLS;
	b.slow = data[0] & 2;
	b.client.xclient = b.client.xforward = data[1] & 32;
	b.client.trusted = (data[0] & (4 | 64)) == 0;
	b.limits.message_size = data[0] & 8 ? 300 : 100000;
	b.limits.header_size = data[0] & 16 ? 100 : 10000;
	b.limits.text_line = data[0] & 32 ? 80 : 2000;
	b.limits.command_line = 512;
	b.limits.errors = 1000;
	b.step = data[1] & 0x3f;
	choose_queue(&b, data[1] >> 6, data[0] & 128);
	if (data[1] & 8)
		choose_seal(&b, data[1] & 7);
	backend_start(&b);
	feed(&b, (const char *)data + 2, len - 2);
	for (size_t i = 0; i < b.nmessages; i++)
		check_content(&b.messages[i]);
	must(strlen(buf_str(&b.out)) == b.out.len);
	must(count_queued(&b.out) == b.nmessages);
	must(b.naccepted == b.nmessages);
	smtp_in_end(&b.si, SMTP_IN_NO_SHUTDOWN);
	backend_done(&b);
	return 0;
}
