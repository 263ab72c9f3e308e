/*
 * cli_dns - a resolver and its loop, for commands that ask the DNS by
 * themselves: they need no belfryd, and no configuration either.
 */
#ifndef CLI_CLI_DNS_H
#define CLI_CLI_DNS_H

#include "cli/command.h"
#include "config/config.h"
#include "net/dns.h"
#include "net/loop.h"

struct cli_dns {
	struct config *config; /* NULL: there is none that can be read */
	struct loop *loop;
	struct dns *dns;
};

/* With the section `dns` of the configuration; where there is none, and -c does
 * not name it, with the name servers of resolv.conf. CLI_OK, or an exit status
 * after the reason was said. */
int cli_dns_open(const struct cli *cli, struct cli_dns *ret);
void cli_dns_close(struct cli_dns *d);

#endif
