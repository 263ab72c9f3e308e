/*
 * dkim_entry - the keys that `belfry dkim record` and `belfry dkim check` are
 * about: one that the command line names, or all of the configuration.
 */
#ifndef CLI_DKIM_ENTRY_H
#define CLI_DKIM_ENTRY_H

#include "base/arena.h"
#include "cli/command.h"
#include "config/config.h"
#include "verdict/dkim_key.h"

/* As the options have it. */
struct dkim_choice {
	const char *key, *selector, *domain; /* all three or none */
	bool testing, json;
};

struct dkim_entry {
	const char *selector, *domain; /* in the arena */
	struct dkim_key *key;          /* owned; NULL: see WHY */
	char *why;                     /* owned */
};

struct dkim_entries {
	struct arena arena;
	size_t n;
	struct dkim_entry *v; /* owned */
};

/* The options of both commands, into *RET; false: it is called wrongly. */
bool dkim_choice_parse(int argc, char **argv, struct dkim_choice *ret);
/* CLI_OK, or an exit status after the reason was said; then there is nothing to
 * free. A key that can't be read is an entry without one. */
int dkim_entries_load(const struct cli *cli, const struct dkim_choice *choice,
		      struct dkim_entries *ret);
void dkim_entries_free(struct dkim_entries *e);

/* What the DNS is to have at dkim_key_name(): in ARENA. */
const char *dkim_entry_record(const struct dkim_entry *e, bool testing,
			      struct arena *arena);

#endif
