/*
 * noop_milter ADDRESS - a milter that does nothing, for the benchmark: the floor
 * that others are compared with.
 *
 * It is told as much as belfry-milter wants to be told, over a connection of the
 * same kind, and answers as seldom. SIGTERM ends it.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include <libmilter/mfapi.h>

#define UNHEARD (SMFIP_NORCPT | SMFIP_NOUNKNOWN | SMFIP_NODATA)
#define SILENT  (SMFIP_NR_HDR | SMFIP_NR_BODY)

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps,
	     unsigned long u2, unsigned long u3, unsigned long *ret_actions,
	     unsigned long *ret_steps, unsigned long *ret_u2,
	     unsigned long *ret_u3)
{
	(void)ctx;
	(void)actions;
	(void)u2;
	(void)u3;
	if ((steps & SILENT) != SILENT)
		return SMFIS_REJECT;
	*ret_actions = 0;
	*ret_steps = steps & (UNHEARD | SILENT | SMFIP_HDR_LEADSPC);
	*ret_u2 = *ret_u3 = 0;
	return SMFIS_CONTINUE;
}

static sfsistat
on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *address)
{
	(void)ctx;
	(void)host;
	(void)address;
	return SMFIS_CONTINUE;
}

static sfsistat
on_helo(SMFICTX *ctx, char *helo)
{
	(void)ctx;
	(void)helo;
	return SMFIS_CONTINUE;
}

static sfsistat
on_mail(SMFICTX *ctx, char **argv)
{
	(void)ctx;
	(void)argv;
	return SMFIS_CONTINUE;
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	(void)ctx;
	(void)name;
	(void)value;
	return SMFIS_NOREPLY;
}

static sfsistat
on_header_end(SMFICTX *ctx)
{
	(void)ctx;
	return SMFIS_CONTINUE;
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *data, size_t len)
{
	(void)ctx;
	(void)data;
	(void)len;
	return SMFIS_NOREPLY;
}

int
main(int argc, char **argv)
{
	static char name[] = "noop";
	struct smfiDesc desc = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_connect = on_connect,
		.xxfi_helo = on_helo,
		.xxfi_envfrom = on_mail,
		.xxfi_header = on_header,
		.xxfi_eoh = on_header_end,
		.xxfi_body = on_body,
		.xxfi_eom = on_header_end,
		.xxfi_negotiate = on_negotiate,
	};

	if (argc != 2)
		errx(64, "usage: noop_milter ADDRESS");
	umask(0); /* the mail server is another user */
	if (smfi_register(desc) == MI_FAILURE ||
	    smfi_setconn(argv[1]) == MI_FAILURE ||
	    smfi_opensocket(true) == MI_FAILURE)
		errx(1, "can't listen at %s", argv[1]);
	return smfi_main() == MI_SUCCESS ? 0 : 1;
}
