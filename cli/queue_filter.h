/*
 * queue_filter - the options that say which messages are meant, the same for
 * every command of the queue.
 */
#ifndef CLI_QUEUE_FILTER_H
#define CLI_QUEUE_FILTER_H

#include <stdint.h>

#include "base/buf.h"
#include "cli/command.h"

struct queue_filter_args {
	struct buf query; /* "to=...&held=1" */
	bool some;        /* an option was given */
	bool all;         /* --all was */
	char given[8];    /* the options so far, as getopt_long() gives them */
};

/* For the table of getopt_long(): what these give, queue_filter_option() takes.
 */
#define QUEUE_FILTER_OPTIONS                                                   \
	{"to", required_argument, NULL, 'T'},                                  \
		{"from", required_argument, NULL, 'F'},                        \
		{"dest", required_argument, NULL, 'D'},                        \
		{"older", required_argument, NULL, 'O'},                       \
		{"held", no_argument, NULL, 'H'},                              \
		{"corrupt", no_argument, NULL, 'C'},                           \
	{                                                                      \
		"all", no_argument, NULL, 'A'                                  \
	}
#define QUEUE_FILTER_HELP                                                      \
	"  --to P      a recipient matches P: an address, a domain, .domain, " \
	"a glob\n"                                                             \
	"              with *, or /expression/\n"                              \
	"  --from P    the sender matches P; `<>` is the null sender\n"        \
	"  --dest D    a recipient waits for this destination (`queue "        \
	"stats`)\n"                                                            \
	"  --older T   came before this time ago, like 2h or 5d\n"             \
	"  --held      is held\n"                                              \
	"  --corrupt   was set aside, since what is stored is damaged\n"       \
	"  --all       every message\n"                                        \
	"  Each at most once. All that are given must hold; --to and --dest "  \
	"for one\n"                                                            \
	"  recipient.\n"

void queue_filter_init(struct queue_filter_args *f);
void queue_filter_done(struct queue_filter_args *f);
/* C and ARG as getopt_long() gave them. 0; CLI_USAGE after saying why, when C
 * is none of these or was there before: nobody could tell whether both or
 * either is meant. */
int queue_filter_option(const struct cli *cli, struct queue_filter_args *f,
			int c, const char *arg);
/* What is asked for together with IDs, and at least one of both? CLI_OK, or
 * CLI_USAGE after saying so. */
int queue_filter_or_ids(const struct cli *cli,
			const struct queue_filter_args *f, int nids,
			char **ids);

/* --- how far it is ---------------------------------------------------------- */

/* On a terminal. WHAT was done with DONE of the LOOKED messages, of ALL. */
struct queue_progress {
	const char *what;
	int64_t all, looked, done;
	bool show;
};
void queue_progress_begin(const struct cli *cli, struct queue_progress *p,
			  const char *what);
void queue_progress_show(const struct queue_progress *p);
void queue_progress_end(const struct queue_progress *p);

#endif
