/*
 * dkim_tool sign|verify CONFIG < MESSAGE - our DKIM as a filter, for tests that
 * have another implementation at the other end.
 *
 * `sign` prints the message with the signatures of the configuration in front;
 * `verify` a line for each signature: domain, selector, algorithm, result, bits
 * and why.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/must.h"
#include "config/dkim_load.h"
#include "mail/header.h"
#include "verdict/dkim_sign.h"
#include "verdict/dkim_verify.h"
#include "verdict/resolve.h"

#define MESSAGE_MAX (64 << 20)
#define DEADLINE_MS 10000
#define PIECE       65536

static void
read_message(struct buf *ret)
{
	char piece[PIECE];
	ssize_t n;

	buf_init(ret, MESSAGE_MAX);
	while ((n = read(STDIN_FILENO, piece, sizeof(piece))) > 0)
		must(buf_append(ret, piece, (size_t)n) == 0);
	must(n == 0);
}

/* Without the empty line. */
static size_t
header_len(const struct buf *message)
{
	struct header_field f;
	size_t at = 0;

	while (header_next(message->data + at, message->len - at, &f) > 0)
		at += f.raw_len;
	return at;
}

static size_t
body_at(const struct buf *message)
{
	size_t at = header_len(message);

	return message->len - at >= 2 ? at + 2 : message->len;
}

/* --- sign --------------------------------------------------------------------- */

static int
sign(const struct config *c, struct conf_errors *e, const struct buf *message)
{
	struct dkim_signing *s = NULL;
	struct dkim_keys *keys = NULL;
	struct buf fields;
	size_t body = body_at(message);
	int r = config_dkim_load(c, e, &keys);

	buf_init(&fields, DKIM_SIGNING_MAX);
	if (r == 0)
		r = dkim_signing_new(keys, message->data, header_len(message),
				     time(NULL), &s);
	if (r == 0 && s != NULL) {
		dkim_signing_body(s, message->data + body, message->len - body);
		r = dkim_signing_end(s, &fields);
	}
	if (r == 0) {
		fwrite(buf_str(&fields), 1, fields.len, stdout);
		fwrite(message->data, 1, message->len, stdout);
	}
	dkim_signing_free(&s);
	dkim_keys_unref(&keys);
	buf_done(&fields);
	return r;
}

/* --- verify ------------------------------------------------------------------- */

struct asking {
	struct loop *loop;
	struct dns *dns;
	struct answers answers;
};

static void
settled(void *loop)
{
	loop_stop(loop);
}

static void
ask_keys(struct asking *a, struct dkim_verification *v)
{
	struct resolve resolve;

	resolve_init(&resolve, a->loop, a->dns, &a->answers, DEADLINE_MS,
		     settled, a->loop);
	while (dkim_verification_keys(v, &a->answers, NULL) == -EAGAIN) {
		must(resolve_open(&resolve));
		loop_run(a->loop);
	}
	resolve_done(&resolve);
}

static void
print(const struct dkim_verdict *verdict)
{
	for (size_t i = 0; i < verdict->n; i++) {
		const struct dkim_signature *s = &verdict->signatures[i];

		printf("%s %s %s %s %u %s\n", s->domain, s->selector,
		       s->algorithm, dkim_result_names[s->result], s->key_bits,
		       s->why);
	}
}

static int
verify(const struct config *c, const struct buf *message)
{
	struct dkim_verify_conf conf = {.allow_length = false};
	struct dkim_library *lib = dkim_library_new();
	struct asking a = {.loop = loop_new(clock_system())};
	struct dkim_verification *v;
	struct arena arena;
	size_t body = body_at(message);
	char *why = NULL;

	must(dns_new(a.loop, &c->dns, &a.dns, &why) == 0);
	arena_init(&arena);
	answers_init(&a.answers, &arena, 20);
	v = dkim_verification_new(lib, &conf, message->data,
				  header_len(message), time(NULL), &arena);
	ask_keys(&a, v);
	dkim_verification_body(v, message->data + body, message->len - body);
	print(dkim_verification_end(v, NULL));
	dkim_verification_free(&v);
	arena_done(&arena);
	dns_free(&a.dns);
	loop_free(&a.loop);
	dkim_library_free(&lib);
	return 0;
}

int
main(int argc, char **argv)
{
	struct config *config = NULL;
	struct conf_errors e;
	struct buf message;
	int r = -EINVAL;

	if (argc != 3)
		return 64;
	conf_errors_init(&e);
	read_message(&message);
	if (config_load(argv[2], &config, &e) == 0)
		r = strcmp(argv[1], "sign") == 0 ? sign(config, &e, &message)
						 : verify(config, &message);
	conf_errors_print(&e, stderr);
	config_unref(&config);
	conf_errors_done(&e);
	buf_done(&message);
	return r < 0 ? 1 : 0;
}
