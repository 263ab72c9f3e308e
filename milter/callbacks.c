/*
 * What libmilter calls, from any of its threads; see milter/session.h.
 *
 * A step that can't be, as a body without a message, is answered with a
 * temporary failure: the mail server and we are not of one mind about the state.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "milter/session.h"

/* libmilter hands nothing through: one process is one milter. Set once, before
 * its threads. */
static struct milter *cb_milter;

/* What we do to a message, and what we don't want to be told. */
#define CB_ACTIONS (SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_QUARANTINE)
#define CB_STEPS   (SMFIP_NORCPT | SMFIP_NOUNKNOWN | SMFIP_NODATA)
#define CB_SILENT  (SMFIP_NR_HDR | SMFIP_NR_BODY)

/* While the process stops no session may be touched: it is about to be freed. */
static bool
cb_enter(void)
{
	atomic_fetch_add(&cb_milter->callbacks, 1);
	return !atomic_load(&cb_milter->stopping);
}

static sfsistat
cb_leave(sfsistat stat)
{
	atomic_fetch_sub(&cb_milter->callbacks, 1);
	return stat;
}

/* The session of CTX, which has to be at a message when MAIL; NULL: it is not,
 * or may no longer be touched. */
static struct session *
cb_session(SMFICTX *ctx, bool entered, bool mail)
{
	struct session *s = entered ? smfi_getpriv(ctx) : NULL;

	if (s == NULL || s->refused || (mail && s->mail == NULL))
		return NULL;
	return s;
}

static sfsistat
cb_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps,
	     unsigned long u2, unsigned long u3, unsigned long *ret_actions,
	     unsigned long *ret_steps, unsigned long *ret_u2,
	     unsigned long *ret_u3)
{
	bool entered = cb_enter(), raw = (steps & SMFIP_HDR_LEADSPC) != 0;
	bool silent = !cb_milter->replies && (steps & CB_SILENT) == CB_SILENT;
	struct session *s;

	(void)u2;
	(void)u3;
	if (!entered || (actions & CB_ACTIONS) != CB_ACTIONS)
		return cb_leave(SMFIS_REJECT);
	*ret_actions = CB_ACTIONS;
	*ret_steps = (steps & (CB_STEPS | SMFIP_HDR_LEADSPC)) |
		     (silent ? CB_SILENT : 0);
	*ret_u2 = *ret_u3 = 0;
	s = smfi_getpriv(ctx);
	session_free(&s);
	smfi_setpriv(ctx, session_new(cb_milter, raw, silent));
	return cb_leave(SMFIS_CONTINUE);
}

static sfsistat
cb_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *address)
{
	bool entered = cb_enter();
	struct session *s = entered ? smfi_getpriv(ctx) : NULL;

	return cb_leave(s == NULL ? SMFIS_TEMPFAIL
				  : session_connect(s, ctx, host, address));
}

static sfsistat
cb_helo(SMFICTX *ctx, char *helo)
{
	struct session *s = cb_session(ctx, cb_enter(), false);

	return cb_leave(s == NULL ? SMFIS_TEMPFAIL : session_helo(s, helo));
}

static sfsistat
cb_envfrom(SMFICTX *ctx, char **argv)
{
	struct session *s = cb_session(ctx, cb_enter(), false);

	return cb_leave(s == NULL ? SMFIS_TEMPFAIL
				  : session_mail(s, ctx, argv));
}

static sfsistat
cb_header(SMFICTX *ctx, char *name, char *value)
{
	struct session *s = cb_session(ctx, cb_enter(), true);

	return cb_leave(s == NULL ? SMFIS_TEMPFAIL
				  : session_header(s, name, value));
}

static sfsistat
cb_eoh(SMFICTX *ctx)
{
	struct session *s = cb_session(ctx, cb_enter(), true);

	return cb_leave(s == NULL ? SMFIS_TEMPFAIL
				  : session_header_end(s, ctx));
}

/* Behind the header: is it being verified or signed? */
static struct session *
cb_session_of_body(SMFICTX *ctx)
{
	struct session *s = cb_session(ctx, cb_enter(), true);

	if (s == NULL || (s->mail->verdict == NULL && s->mail->signing == NULL))
		return NULL;
	return s;
}

static sfsistat
cb_body(SMFICTX *ctx, unsigned char *data, size_t len)
{
	struct session *s = cb_session_of_body(ctx);

	return cb_leave(s == NULL ? SMFIS_TEMPFAIL
				  : session_body(s, data, len));
}

static sfsistat
cb_eom(SMFICTX *ctx)
{
	struct session *s = cb_session_of_body(ctx);

	return cb_leave(s == NULL ? SMFIS_TEMPFAIL : session_end(s, ctx));
}

static sfsistat
cb_abort(SMFICTX *ctx)
{
	struct session *s = cb_session(ctx, cb_enter(), true);

	if (s != NULL) {
		log_event(&s->log, LOG_DEBUG, "abort",
			  LOG_ADDR("from", s->mail->sender));
		session_drop(s);
	}
	return cb_leave(SMFIS_CONTINUE);
}

static sfsistat
cb_close(SMFICTX *ctx)
{
	bool entered = cb_enter();
	struct session *s = entered ? smfi_getpriv(ctx) : NULL;

	if (entered) {
		smfi_setpriv(ctx, NULL);
		session_free(&s);
	}
	return cb_leave(SMFIS_CONTINUE);
}

int
milter_register(struct milter *m)
{
	static char name[] = "belfry-milter";
	struct smfiDesc desc = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = CB_ACTIONS,
		.xxfi_connect = cb_connect,
		.xxfi_helo = cb_helo,
		.xxfi_envfrom = cb_envfrom,
		.xxfi_header = cb_header,
		.xxfi_eoh = cb_eoh,
		.xxfi_body = cb_body,
		.xxfi_eom = cb_eom,
		.xxfi_abort = cb_abort,
		.xxfi_close = cb_close,
		.xxfi_negotiate = cb_negotiate,
	};

	cb_milter = m;
	return smfi_register(desc) == MI_SUCCESS ? 0 : -1;
}
