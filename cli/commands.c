#include "cli/command.h"
#include "cli/sendmail_conf.h"

#include "cli/queue_filter.h"
#include "cli/when.h"

#define DKIM_WHICH                                                             \
	"  --key FILE    a key that the configuration does not have (yet)\n"   \
	"  --selector S  its name in the DNS\n"                                \
	"  --domain D    the domain that signs with it\n"
#define QUEUE_WHICH "[--json] ID...|FILTER..."
#define QUEUE_JSON  "  --json      one object a line\n"

#define ALERT_WHICH "[--note N] [--json] ID..."
#define ALERT_NOTE                                                             \
	"  --note N    for the history\n"                                      \
	"  --json      one object a line\n"

const struct command cli_commands[] = {
	{"check", "[--strict] [--as USER]",
	 "Parse the configuration and check it; file:line:column for every "
	 "mistake.",
	 "  --strict    warnings fail too (exit status 1)\n"
	 "  --as USER   read everything as that user would (for root)\n",
	 cli_check},
	{"config reference", "[--json|--markdown]",
	 "Every key of the configuration with type, default and meaning.", NULL,
	 cli_config_reference},
	{"password", "[--user NAME]",
	 "Make an entry of the users file from a password.",
	 "It is asked for twice and not shown; in a pipe one line is read.\n\n"
	 "  --user NAME  whose entry it is\n",
	 cli_password},
	{"status", "[--check [--warning T] [--critical T]] [--json]",
	 "Listeners, queue, store and alerts at a glance.",
	 "  --check     one line and the exit status of a monitoring plugin:\n"
	 "              0 well, 1 warning, 2 critical, 3 unknown\n"
	 "  --warning T, --critical T  when mail has waited so long; 4h and "
	 "1d\n"
	 "              without them, 0s: never\n"
	 "  --json      one object\n",
	 cli_status},
	{"pause", "--reason R [--for TIME | --until-resumed] [--alerts]",
	 "Accept and keep mail, deliver nothing, for four hours or TIME.",
	 "  --reason R        why; everybody who asks is told\n"
	 "  --for TIME        like 30m or 4h (the default)\n"
	 "  --until-resumed   without an end of its own\n"
	 "  --alerts          alerts wait too; else they still go out\n",
	 cli_pause},
	{"resume", "", "End a pause.", NULL, cli_resume},
	{"queue list", "[FILTER...] [--limit N] [--json]",
	 "The messages that wait, all or those that a filter means.",
	 QUEUE_FILTER_HELP
	 "  --limit N   so many at most\n"
	 "  --json      one object a line, with the names of postqueue -j\n",
	 cli_queue_list},
	{"queue show", "[--json] ID...|--body ID",
	 "Messages with their recipients and the last answers.",
	 "  --json      one object a line\n"
	 "  --body      the message itself, header and body, as it is stored; "
	 "for root\n"
	 "              and belfryd's user\n",
	 cli_queue_show},
	{"queue hold", QUEUE_WHICH,
	 "Keep messages: no delivery, no bounce, until released.",
	 QUEUE_FILTER_HELP QUEUE_JSON, cli_queue_hold},
	{"queue release", QUEUE_WHICH, "End a hold.",
	 QUEUE_FILTER_HELP QUEUE_JSON, cli_queue_release},
	{"queue flush", QUEUE_WHICH, "Try messages now.",
	 QUEUE_FILTER_HELP QUEUE_JSON, cli_queue_flush},
	{"queue requeue", QUEUE_WHICH,
	 "Make messages ready now, with their routes looked up anew.",
	 QUEUE_FILTER_HELP QUEUE_JSON, cli_queue_requeue},
	{"queue remove", "[--yes] [--json] ID...|FILTER...",
	 "Take messages out of the queue; their senders are not told.",
	 "A message is removed with all of its recipients, also when a filter "
	 "means one of\nthem.\n\n" QUEUE_FILTER_HELP
	 "  --yes       do not ask\n" QUEUE_JSON,
	 cli_queue_remove},
	{"queue export", "[--json] DIR ID...|FILTER...",
	 "Copy messages into DIR: ID.eml, and ID.json with the envelope.",
	 "They stay in the queue. DIR is made where it is missing. Of a "
	 "damaged "
	 "one what can\nbe read is ID.damaged.eml. For root and belfryd's user."
	 "\n\n" QUEUE_FILTER_HELP "  --json      one object\n",
	 cli_queue_export},
	{"queue stats", "[--json]",
	 "By destination: waiting, active, oldest, last answer.",
	 "  --json      one object a line\n", cli_queue_stats},
	{"store backup", "[--json] DIR",
	 "Copy the store to DIR/data.mdb while belfryd runs.",
	 "DIR is a folder that belfryd's user can write, best on another "
	 "disk. The copy\nreplaces the one before when it is whole.\n\n"
	 "  --json      one object\n",
	 cli_store_backup},
	{"store upgrade", "[--json]",
	 "Bring the store to the newest schema that belfryd knows.",
	 "  --json      one object\n", cli_store_upgrade},
	{"alert send", "--title T [OPTION...]",
	 "Raise an alert, or end it; as whoever calls this.",
	 "  --title T      what people read first\n"
	 "  --text T       more of it\n"
	 "  --severity S   critical, warning, info, or another word\n"
	 "  --key K        what it is known by, for who calls this; the title "
	 "without it\n"
	 "  --resolve      it is over\n"
	 "  --label K=V    may be given several times\n"
	 "  --url U        where to look\n"
	 "  --source NAME  its label `source`\n"
	 "  --wait         until it is taken: 0 only then. Without it the "
	 "alert "
	 "is left\n"
	 "                 in drop_dir while belfryd is down\n\n"
	 "  belfry alert send --title \"The backup failed\" --severity "
	 "critical\n"
	 "  belfry alert send --title \"The backup failed\" --resolve\n",
	 cli_alert_send},
	{"alert list",
	 "[--state S] [--match M] [--receiver R] [--all] [--json]",
	 "The alerts that are open, and first those that need somebody.",
	 "  --state S     open, stale (no longer reported) or resolved\n"
	 "  --match M     labels match, like 'severity=\"critical\"' or "
	 "'job=~\"db.*\"'; of\n"
	 "                several all must\n"
	 "  --receiver R  this receiver of the configuration gets it\n"
	 "  --all         also what is over and still kept\n"
	 "  --json        one object a line, in the order of their ids\n",
	 cli_alert_list},
	{"alert show", "[--json] ID...",
	 "An alert with its labels, why nobody is told, and all that happened "
	 "to it.",
	 "  --json      one object a line\n", cli_alert_show},
	{"alert ack", ALERT_WHICH,
	 "I have it: no more reminders and no escalation.", ALERT_NOTE,
	 cli_alert_ack},
	{"alert unack", ALERT_WHICH,
	 "Nobody has it any more: reminders and escalation go on.", ALERT_NOTE,
	 cli_alert_unack},
	{"alert close", ALERT_WHICH,
	 "It is over, whatever its source says; if it comes again, it is new.",
	 ALERT_NOTE, cli_alert_close},
	{"alert noise", ALERT_WHICH "|--week",
	 "Mark it as not worth a message, or report a week by rule.",
	 ALERT_NOTE
	 "  --week      what told people how often in the last week, and how "
	 "much of it\n"
	 "              was acknowledged, flapped or was marked\n",
	 cli_alert_noise},
	{"alert malformed", "[--json]|--body N",
	 "What sources posted that could not be understood, newest first.",
	 "  --body N    what number N of the list was, as it came\n"
	 "  --json      one object a line\n",
	 cli_alert_malformed},
	{"route test",
	 "[--source S] [--header H] [--at TIME] [--json] PAYLOAD...",
	 "Who would be told of an alert, when and why; nobody is.",
	 "PAYLOAD is a document, a file or `-` that holds one, or labels as "
	 "NAME=VALUE. A\ndocument is {\"labels\": {...}}, a list of these, or "
	 "what an Alertmanager posts.\nWhat is open, silenced or muted now is "
	 "not looked at; belfryd need not run.\n\n"
	 "  --source S   the document is what this source, or one of this "
	 "kind, posts\n"
	 "  --header H   of its request, like \"X-GitHub-Event: issues\"\n"
	 "  --at TIME    as if it came then: " WHEN_HELP "\n"
	 "  --json       one object an alert\n\n"
	 "  belfry route test alertname=DiskFull severity=critical\n",
	 cli_route_test},
	{"silence add",
	 "MATCHER... --for TIME|--until TIME --comment C [--json]",
	 "Tell nobody of alerts that match, for a time.",
	 "MATCHER is 'instance=\"db1\"', 'job=~\"db.*\"', or with != or !~; "
	 "in quotes of the\nshell. All must match.\n\n"
	 "  --for TIME    like 30m or 4h\n"
	 "  --until TIME  like " WHEN_HELP "\n"
	 "  --comment C   why; everybody who looks is told\n"
	 "  --json        one object\n",
	 cli_silence_add},
	{"silence list", "[--all] [--json]",
	 "The silences that are active or will be.",
	 "  --all       also those that have expired\n"
	 "  --json      one object a line\n",
	 cli_silence_list},
	{"silence expire", "[--json] ID...", "End silences.",
	 "  --json      one object a line\n", cli_silence_expire},
	{"mute", "--reason R [--for TIME|--until TIME]",
	 "Tell nobody of any alert, for an hour or TIME; everything is kept.",
	 "All who would be told are told that it begins and that it ends.\n\n"
	 "  --reason R    why\n"
	 "  --for TIME    like 30m or 4h; a week at most\n"
	 "  --until TIME  like " WHEN_HELP "\n",
	 cli_mute},
	{"unmute", "", "End a mute.", NULL, cli_unmute},
	{"clock accept", "",
	 "The machine's clock is right, though it jumped: alerts may expire "
	 "again.",
	 NULL, cli_clock_accept},
	{"send", "FILE --from A --to B [--wait]",
	 "Submit a message (FILE `-`: standard input) through belfryd.",
	 "  --from A    the sender; \"\" is the null sender\n"
	 "  --to B      a recipient; may be given several times\n"
	 "  --wait      until its fate is known: 0 only when the far end has "
	 "it\n",
	 cli_send},
	{"sendmail", "[-t] [-i] [-f SENDER] [-F NAME] [RECIPIENT...]",
	 "Submit a message as sendmail(1) does; also when called `sendmail`.",
	 "  -t          recipients of To, Cc and Bcc too; Bcc goes either way\n"
	 "  -i, -oi     a line that holds only a dot does not end the message\n"
	 "  -f A, -r A  the sender, instead of the login name\n"
	 "  -F NAME     the name in a From that is made\n"
	 "  -N WHEN     never, or some of failure,delay,success: what to be "
	 "told\n"
	 "  -R WHAT     full or hdrs: how much of the message a report holds\n"
	 "  -V ID       what a report calls the message\n"
	 "  -C FILE     instead of " SENDMAIL_CONF_PATH "\n"
	 "  -v          say what became of it\n"
	 "  -bs         speak SMTP on standard input and output\n"
	 "  -bp         list the queue, in Postfix's form (the operator)\n"
	 "  -q          try all that waits now (the operator)\n"
	 "Other options of sendmail(1) are taken and change nothing; the exit "
	 "statuses\nare those of sysexits(3).\n",
	 cli_sendmail},
	{"verdict",
	 "[--ip IP] [--helo NAME] [--from SENDER] [--json] [MESSAGE]",
	 "What is thought of a message: SPF, DKIM and DMARC, step by step.",
	 "MESSAGE is a file, or `-` for standard input. It is judged by the "
	 "section\n`verdict` of the configuration, where there is one.\n\n"
	 "  --ip IP        whose connection it came over; without it SPF is "
	 "not asked\n"
	 "  --helo NAME    what that one said in EHLO\n"
	 "  --from SENDER  what it said in MAIL FROM; \"<>\" is the null path\n"
	 "  --json         one object\n\n"
	 "exit status: 0 it would be delivered as it is; 75 tempfail; 1 "
	 "anything else\n",
	 cli_verdict},
	{"spf",
	 "--ip IP [--helo NAME] [--from SENDER] [--engine ENGINE] [--json]",
	 "May this address send for this domain? SPF, step by step.",
	 "  --ip IP        whose connection it is\n"
	 "  --helo NAME    what it says in EHLO\n"
	 "  --from SENDER  what it says in MAIL FROM; without it, or with "
	 "\"<>\",\n"
	 "                 the question is about NAME\n"
	 "  --engine E     belfry, or libspf2 as verdict.spf.engine may say\n"
	 "  --json         one object\n\n"
	 "exit status: 0 pass; 1 any other result; 75 temperror\n",
	 cli_spf},
	{"dkim genkey", "[--type rsa|ed25519] [--bits N] [--json] FILE",
	 "Make a private key that signs.",
	 "FILE must not be there yet. When root makes it, belfryd's group can "
	 "read it.\n\n"
	 "  --type T    rsa (the default) or ed25519\n"
	 "  --bits N    of an RSA key, 1024 to 4096; 2048 without it\n"
	 "  --json      one object\n",
	 cli_dkim_genkey},
	{"dkim record",
	 "[--key FILE --selector S --domain D] [--testing] [--json]",
	 "What the DNS is to have for the keys of the configuration.",
	 DKIM_WHICH
	 "  --testing     with t=y: receivers shall not mind mistakes\n"
	 "  --json        one object a line\n",
	 cli_dkim_record},
	{"dkim check", "[--key FILE --selector S --domain D] [--json]",
	 "Does the DNS have what the keys of the configuration sign with?",
	 DKIM_WHICH "  --json        one object a line\n\n"
		    "exit status: 0 all are right; 1 one is not; 75 the DNS "
		    "does not say\n",
	 cli_dkim_check},
	{"import postfix", "FILE",
	 "Make a configuration of what `postconf -n` prints (FILE `-`: "
	 "standard input).",
	 "Prints the configuration, and on standard error what can't be "
	 "carried over. The\ntables that the settings name are read; passwords "
	 "are not printed.\n\n"
	 "  postconf -n | belfry import postfix - > belfry.yaml\n",
	 cli_import_postfix},
	{"import opendkim", "FILE",
	 "Make sections of a configuration of an opendkim.conf (FILE `-`: "
	 "standard input).",
	 "Prints who signs with which keys, and what the milter needs, and on "
	 "standard error\nwhat can't be carried over. The tables that the "
	 "settings name are read; keys are\nnot printed.\n\n"
	 "  belfry import opendkim /etc/opendkim.conf >> belfry.yaml\n",
	 cli_import_opendkim},
	{"import alertmanager", "FILE",
	 "Make the section `alerts` of Alertmanager's configuration (FILE `-`: "
	 "standard input).",
	 "Prints routes, receivers, inhibition and time intervals, and on "
	 "standard error what\ncan't be carried over, with its line. Secrets "
	 "are not printed.\n\n"
	 "  belfry import alertmanager /etc/prometheus/alertmanager.yml >> "
	 "belfry.yaml\n",
	 cli_import_alertmanager},
	{"help", "[--json] [COMMAND]", "What the commands are.", NULL,
	 cli_help},
	{NULL, NULL, NULL, NULL, NULL},
};
