/*
 * import_opendkim - OpenDKIM's settings become sections of a belfry.yaml.
 *
 * Each setting is a row of a table: a function that carries it over, or why it
 * isn't. What nobody knows is said, too. A key that stands in a table, and not in
 * a file, is never written: only the place where it is to be.
 */
#ifndef CLI_IMPORT_OPENDKIM_H
#define CLI_IMPORT_OPENDKIM_H

#include "cli/import_postfix.h"
#include "cli/opendkim_settings.h"

struct import_opendkim {
	struct opendkim_settings settings;
	struct import im; /* for its notes, and how it writes */
	/* The sections, as YAML; "" is left out. */
	struct buf networks, dns, sign, verdict, milter;
	/* milter.ours */
	bool has_networks;
	struct buf daemons;
};

void import_opendkim_init(struct import_opendkim *io);
void import_opendkim_done(struct import_opendkim *io);
/* Take TEXT, of PATH, and write the sections. 0; -EINVAL: see io->settings. */
int import_opendkim(struct import_opendkim *io, const char *path,
		    const char *text, size_t len, postfix_read_fn *read,
		    void *read_arg, struct buf *ret_yaml);

/* --- import_signing.c ---------------------------------------------------- */

/* Who signs with which keys: Domain, KeyTable and what belongs to them. */
void import_signing(struct import_opendkim *io);

#endif
