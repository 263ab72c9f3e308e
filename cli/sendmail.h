/*
 * sendmail - what the parts of `belfry sendmail` share.
 */
#ifndef CLI_SENDMAIL_H
#define CLI_SENDMAIL_H

#include "cli/command.h"
#include "cli/sendmail_conf.h"
#include "cli/spool.h"
#include "cli/submit_talk.h"
#include "mail/submit_header.h"

enum sendmail_mode {
	SENDMAIL_SUBMIT, /* -bm */
	SENDMAIL_SMTP,   /* -bs */
	SENDMAIL_LIST,   /* -bp */
	SENDMAIL_FLUSH,  /* -q */
};

struct sendmail {
	const struct cli *cli;
	enum sendmail_mode mode;
	bool of_header; /* -t */
	bool no_dot;    /* -i */
	bool verbose;
	const char *from;                     /* -f; NULL: not given */
	const char *full_name;                /* -F; NULL: not given */
	const char *conf_path;                /* -C; NULL: the usual one */
	const char *notify, *returns, *envid; /* -N, -R, -V; NULL */

	struct arena arena;
	struct sendmail_conf conf;
	const char *login, *gecos; /* in the arena */
	const char *sender;        /* likewise, as it is submitted */
	struct submit_rcpts rcpts;
	struct spool spool;
	size_t body_at; /* in the spool */
	struct buf header;
};

/* `sendmail: ` and the text, on stderr. */
void sendmail_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* sendmail_options.c: 0, or the exit status after saying why. Recipients among
 * them are not completed yet. */
int sendmail_options(struct sendmail *sm, int argc, char **argv);

/* sendmail_message.c */
/* Read standard input. 0 or the exit status. */
int sendmail_read(struct sendmail *sm);
/* Make the envelope and the header. Bare addresses get CONF's origin; without
 * one they are belfryd's to complete. 0 or the exit status. */
int sendmail_compose(struct sendmail *sm);
/* Says that there is no recipient; the exit status. */
int sendmail_nobody(const struct sendmail *sm);

/* sendmail_submit.c: the exit status. */
int sendmail_submit(struct sendmail *sm);

/* sendmail_smtp.c: standard input and output become a client of belfryd. */
int sendmail_smtp(struct sendmail *sm);
/* sendmail_queue.c */
int sendmail_list(struct sendmail *sm);
int sendmail_flush(struct sendmail *sm);

#endif
