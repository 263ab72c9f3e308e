/*
 * What a server sends, to the SMTP client: it must end each mail with an
 * outcome for each recipient, whatever comes.
 */
#include <stdint.h>
#include <string.h>

#include "base/must.h"
#include "deliver/smtp_out.h"

#define MAILS_MAX 20

/* Built twice: as fuzz_lmtp_out too. */
#ifndef FUZZ_LMTP
#define FUZZ_LMTP false
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
mail_init(struct attempt *a, uint8_t flags)
{
	memset(a, 0, sizeof(*a));
	arena_init(&a->arena);
	a->sender = "";
	a->size = 1000;
	a->eight_bit = flags & 1;
	a->nrcpt = 1 + (flags >> 1 & 3);
	a->rcpt = arena_alloc(&a->arena, a->nrcpt * sizeof(*a->rcpt));
	for (size_t i = 0; i < a->nrcpt; i++)
		a->rcpt[i].address = "a@example.org";
}

static void
check_outcomes(const struct attempt *a, enum smtp_out_fate fate)
{
	for (size_t i = 0; i < a->nrcpt; i++)
		must((a->rcpt[i].outcome == ATTEMPT_UNTRIED) ==
		     (fate == SMTP_OUT_NOT_BEGUN));
}

/* The handshake goes well but for each seventh, and so does a token. */
static void
own_hello(struct smtp_out *so)
{
	const struct smtp_login *login = so->conf.login;
	struct secret *token;

	if (so->state == SMTP_OUT_TLS && so->heard % 7 == 6)
		smtp_out_tls_failed(so, "no");
	else if (so->state == SMTP_OUT_TLS)
		smtp_out_secured(so);
	if (so->state == SMTP_OUT_TOKEN) {
		must(login && !login->password);
		token = secret_new("token", 5);
		smtp_out_token(so, so->heard % 7 == 6 ? NULL : token, "none");
		secret_free(&token);
	}
	/* What was asked for holds before any mail. */
	must(so->state != SMTP_OUT_READY || so->secure ||
	     so->conf.tls <= TLS_LEVEL_OPPORTUNISTIC);
	must(so->state != SMTP_OUT_READY || !login || so->login_begun);
}

/* What the owner does between two pieces. True when a mail's fate was taken. */
static bool
own(struct smtp_out *so, struct attempt *a, bool *given)
{
	enum smtp_out_fate fate;

	own_hello(so);
	if (so->state == SMTP_OUT_READY && so->fate == SMTP_OUT_NONE &&
	    !*given) {
		smtp_out_mail(so, a);
		*given = true;
	}
	/* By BDAT the content may be late, and half of it. */
	if (smtp_out_wants_body(so) && (!so->chunked || so->heard % 3 > 0)) {
		smtp_out_body(so, ".x\r\n.", 5);
		if (!so->chunked || so->heard % 3 > 1)
			smtp_out_body_end(so);
	}
	/* Every other time the kernel has not taken it yet. */
	if (so->heard % 2 == 0)
		smtp_out_left(so);
	fate = smtp_out_take(so);
	if (fate == SMTP_OUT_NONE)
		return false;
	check_outcomes(a, fate);
	*given = false;
	return true;
}

static void
run(struct smtp_out *so, uint8_t flags, const uint8_t *data, size_t len)
{
	struct attempt a;
	size_t step = 1 + (flags >> 3 & 7) * 5;
	bool given = false;
	unsigned mails = 0;

	mail_init(&a, flags);
	while (so->state != SMTP_OUT_CLOSED && mails < MAILS_MAX) {
		size_t n = len < step ? len : step;

		if (n > 0)
			smtp_out_input(so, (const char *)data, n);
		else if (flags & 64)
			smtp_out_closed(so);
		else
			smtp_out_silent(so);
		data += n;
		len -= n;
		buf_clear(so->out);
		if (!own(so, &a, &given))
			continue;
		mails++;
		arena_done(&a.arena);
		mail_init(&a, flags);
	}
	must(so->state != SMTP_OUT_CLOSED || !given);
	arena_done(&a.arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct smtp_out_conf conf = {.helo = "relay.example.org",
				     .lmtp = FUZZ_LMTP,
				     .chunking = true};
	static const struct smtp_login logins[] = {
		{.user = "anna", .any = true, .in_clear = true},
		{.user = "anna", .any = true, .in_clear = true},
		{.user = "anna", .any = true},
	};
	struct secret *password = secret_new("secret", 6);
	struct smtp_login login;
	struct smtp_out so;
	struct buf out;

	if (len < 2) {
		secret_free(&password);
		return 0;
	}
	conf.tls = (enum tls_level)(data[1] & 3);
	conf.implicit_tls = (data[1] & 4) && conf.tls > TLS_LEVEL_OPPORTUNISTIC;
	if ((data[1] >> 3 & 3) > 0) {
		login = logins[(data[1] >> 3 & 3) - 1];
		login.password = data[1] & 8 ? password : NULL;
		conf.login = &login;
	}
	conf.strict_8bit = data[0] & 128;
	buf_init(&out, SMTP_OUT_MAX);
	smtp_out_init(&so, &conf, &out);
	run(&so, data[0], data + 2, len - 2);
	smtp_out_done(&so);
	secret_free(&password);
	buf_done(&out);
	return 0;
}
