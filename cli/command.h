/*
 * command - the commands of `belfry`, as a table.
 *
 * A command's words, how to call it and what it does stand in one row; help,
 * the documentation's check and the dispatch read it. RUN gets the arguments
 * behind the command's words (argv[0] is the last word, for getopt) and returns
 * the exit status.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

/* The exit statuses, those of sysexits(3) where there is one. */
enum cli_exit {
	CLI_OK = 0,
	CLI_WRONG = 1, /* the verdict or the state is not right */
	CLI_USAGE = 64,
	CLI_NO_ID = 66,
	CLI_UNREACHABLE = 69, /* belfryd */
	CLI_LATER = 75,
	CLI_NOT_ALLOWED = 77,
	CLI_CONFIG = 78,
};

struct cli {
	const char *conf_path;
	bool conf_given; /* by -c */
	const struct command *command;
};

struct command {
	const char *name;     /* "queue list" */
	const char *synopsis; /* what stands behind it: "[--json]" */
	const char *help;     /* one sentence */
	const char *more;     /* its options and examples; NULL: none */
	int (*run)(const struct cli *cli, int argc, char **argv);
};

extern const struct command cli_commands[]; /* a NULL name ends */

/* How to call the command, on stderr; CLI_USAGE. */
int cli_usage(const struct cli *cli);
/* The same for WORD, which is too much. */
int cli_extra(const struct cli *cli, const char *word);
/* `belfry: ` and the text, on stderr. */
void cli_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

int cli_help(const struct cli *cli, int argc, char **argv);
/* Help on all commands that begin with these N words. */
int cli_help_begins(int n, char **argv);
int cli_check(const struct cli *cli, int argc, char **argv);
int cli_config_reference(const struct cli *cli, int argc, char **argv);
int cli_import_alertmanager(const struct cli *cli, int argc, char **argv);
int cli_import_opendkim(const struct cli *cli, int argc, char **argv);
int cli_import_postfix(const struct cli *cli, int argc, char **argv);
int cli_dkim_genkey(const struct cli *cli, int argc, char **argv);
int cli_dkim_record(const struct cli *cli, int argc, char **argv);
int cli_dkim_check(const struct cli *cli, int argc, char **argv);
int cli_status(const struct cli *cli, int argc, char **argv);
int cli_password(const struct cli *cli, int argc, char **argv);
int cli_pause(const struct cli *cli, int argc, char **argv);
int cli_resume(const struct cli *cli, int argc, char **argv);
int cli_queue_list(const struct cli *cli, int argc, char **argv);
int cli_queue_show(const struct cli *cli, int argc, char **argv);
int cli_queue_hold(const struct cli *cli, int argc, char **argv);
int cli_queue_release(const struct cli *cli, int argc, char **argv);
int cli_queue_flush(const struct cli *cli, int argc, char **argv);
int cli_queue_requeue(const struct cli *cli, int argc, char **argv);
int cli_queue_remove(const struct cli *cli, int argc, char **argv);
int cli_queue_export(const struct cli *cli, int argc, char **argv);
int cli_queue_stats(const struct cli *cli, int argc, char **argv);
int cli_store_backup(const struct cli *cli, int argc, char **argv);
int cli_store_upgrade(const struct cli *cli, int argc, char **argv);
int cli_verdict(const struct cli *cli, int argc, char **argv);
int cli_spf(const struct cli *cli, int argc, char **argv);
int cli_alert_list(const struct cli *cli, int argc, char **argv);
int cli_alert_show(const struct cli *cli, int argc, char **argv);
int cli_alert_ack(const struct cli *cli, int argc, char **argv);
int cli_alert_unack(const struct cli *cli, int argc, char **argv);
int cli_alert_close(const struct cli *cli, int argc, char **argv);
int cli_alert_noise(const struct cli *cli, int argc, char **argv);
int cli_alert_send(const struct cli *cli, int argc, char **argv);
int cli_alert_malformed(const struct cli *cli, int argc, char **argv);
int cli_route_test(const struct cli *cli, int argc, char **argv);
int cli_silence_add(const struct cli *cli, int argc, char **argv);
int cli_silence_list(const struct cli *cli, int argc, char **argv);
int cli_silence_expire(const struct cli *cli, int argc, char **argv);
int cli_mute(const struct cli *cli, int argc, char **argv);
int cli_unmute(const struct cli *cli, int argc, char **argv);
int cli_clock_accept(const struct cli *cli, int argc, char **argv);
int cli_send(const struct cli *cli, int argc, char **argv);
int cli_sendmail(const struct cli *cli, int argc, char **argv);

#endif
