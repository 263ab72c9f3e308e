#include "deliver/smtp_hello.h"

#include <stdlib.h>

#include "base/xalloc.h"

void
smtp_hello_init(struct smtp_hello *h, const char *host, bool plain,
		struct smtp_out_conf *conf)
{
	h->policy = routing_tls(h->entry, host);
	conf->tls = h->policy.level;
	if (plain && conf->tls == TLS_LEVEL_OPPORTUNISTIC)
		conf->tls = TLS_LEVEL_NONE;
	conf->implicit_tls = h->policy.implicit;
	conf->login = routing_login(h->entry);
}

void
smtp_hello_done(struct smtp_hello *h)
{
	if (h->token != 0)
		loop_handle_free(h->loop, h->token);
	h->token = 0;
	h->shaking = false;
}

/* --- the token ------------------------------------------------------------------------ */

/* It may outlive the connection. */
struct token_job {
	struct pool_job job;
	struct loop *loop;       /* borrowed */
	uint64_t hello;          /* a handle */
	struct routing *routing; /* a reference: CONF is its */
	const struct secret_conf *conf;
	enum secrets_mode mode;
	struct secret *token; /* owned */
	char *why;            /* owned */
};

static void
token_read(void *arg)
{
	struct token_job *j = arg;

	secret_load(j->conf, j->mode, &j->token, &j->why);
}

/* Ends J; who waits for it, or NULL. */
static struct smtp_hello *
token_give(struct token_job *j)
{
	struct smtp_hello *h = loop_handle_find(j->loop, j->hello);

	if (h != NULL) {
		loop_handle_free(j->loop, h->token);
		h->token = 0;
		smtp_out_token(h->so, j->token,
			       j->why != NULL ? j->why : "there is no token");
	}
	secret_free(&j->token);
	routing_unref(&j->routing);
	free(j->why);
	free(j);
	return h;
}

static void
token_done(void *arg)
{
	struct smtp_hello *h = token_give(arg);

	if (h != NULL)
		h->turn(h->arg);
}

static void
hello_fetch(struct smtp_hello *h)
{
	struct token_job *j = xcalloc(1, sizeof(*j));

	j->loop = h->loop;
	j->routing = routing_ref(h->routing);
	j->conf = &h->entry->token;
	j->mode = h->so->conf.login->mode;
	j->hello = h->token = loop_handle_new(j->loop, h);
	if (h->disk == NULL)
		token_read(j);
	else if (pool_run(h->disk, &j->job, token_read, j->loop, token_done,
			  j) == 0)
		return;
	else
		j->why = xstrdup("too much waits for the disk");
	token_give(j);
}

/* --- the turns ------------------------------------------------------------------------ */

void
smtp_hello_look(struct smtp_hello *h, struct io *io)
{
	if (h->so->state == SMTP_OUT_TLS && !h->shaking) {
		h->shaking = true;
		/* What came in the clear the machine has heard, to the end. */
		io_start_tls_client(io, h->policy.client, h->policy.name,
				    h->policy.level == TLS_LEVEL_VERIFY);
	}
	if (h->so->state == SMTP_OUT_TOKEN && h->token == 0)
		hello_fetch(h);
}

void
smtp_hello_secured(struct smtp_hello *h)
{
	h->shaking = false;
	smtp_out_secured(h->so);
}

void
smtp_hello_broke(struct smtp_hello *h, struct io *io, enum io_event event)
{
	if (h->shaking && event == IO_FAILED)
		smtp_out_tls_failed(h->so, io_error_text(io));
	else if (event == IO_DEADLINE)
		smtp_out_silent(h->so);
	else
		smtp_out_closed(h->so);
}
