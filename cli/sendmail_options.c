/* The command line of sendmail(1), as thirty years of programs call it. */
#include <getopt.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "cli/sendmail.h"

/* Those that are taken and change nothing: -A -B -D -E -G -L -O -U -X -d -e -h
 * -m -n -p -x, and -o but -oi. docs/sendmail.md says of each why. */
#define SENDMAIL_OPTIONS "+A:B:C:D:E:F:GL:N:O:R:UV:X:b:d::e:f:h:imno:p:q::r:tvx"

static int
so_wrong(const char *option, const char *value, const char *instead)
{
	sendmail_say("%s%s: %s (see `belfry help sendmail`)", option, value,
		     instead);
	return EX_USAGE;
}

static int
so_mode(struct sendmail *sm, const char *value)
{
	static const struct {
		char letter;
		enum sendmail_mode mode;
	} modes[] = {
		{'m', SENDMAIL_SUBMIT},
		{'s', SENDMAIL_SMTP},
		{'p', SENDMAIL_LIST},
	};

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		if (value[0] == modes[i].letter && value[1] == '\0') {
			sm->mode = modes[i].mode;
			return 0;
		}
	}
	return so_wrong("-b", value,
			"only -bm, -bp and -bs are possible; belfryd is the "
			"daemon and reads aliases by itself");
}

/* -q by itself; with a time, a queue or a pattern it means another daemon. */
static int
so_flush(struct sendmail *sm, const char *value)
{
	if (value != NULL)
		return so_wrong("-q", value,
				"only -q by itself is possible; belfryd tries "
				"again at its own times");
	sm->mode = SENDMAIL_FLUSH;
	return 0;
}

/* never, or a list of success, failure and delay (RFC 3461, 4.1). */
static int
so_notify(struct sendmail *sm, const char *value)
{
	static const char *const words[] = {"success", "failure", "delay"};
	const char *p = value;

	if (strcasecmp(value, "never") != 0) {
		for (size_t n; *p != '\0'; p += n + (p[n] == ',')) {
			size_t i = 0;

			n = strcspn(p, ",");
			while (i < 3 && (strlen(words[i]) != n ||
					 strncasecmp(p, words[i], n) != 0))
				i++;
			if (i == 3)
				break;
		}
		if (value[0] == '\0' || *p != '\0')
			return so_wrong("-N ", value,
					"never, or some of failure,delay,"
					"success");
	}
	sm->notify = value;
	return 0;
}

static int
so_returns(struct sendmail *sm, const char *value)
{
	if (strcasecmp(value, "full") != 0 && strcasecmp(value, "hdrs") != 0)
		return so_wrong("-R ", value, "full or hdrs");
	sm->returns = strcasecmp(value, "full") == 0 ? "FULL" : "HDRS";
	return 0;
}

static int
so_option(struct sendmail *sm, int c)
{
	switch (c) {
	case 'b':
		return so_mode(sm, optarg);
	case 'q':
		return so_flush(sm, optarg);
	case 'N':
		return so_notify(sm, optarg);
	case 'R':
		return so_returns(sm, optarg);
	case 'V':
		sm->envid = optarg;
		break;
	case 'C':
		sm->conf_path = optarg;
		break;
	case 'F':
		sm->full_name = optarg;
		break;
	case 'f':
	case 'r':
		sm->from = optarg;
		break;
	case 'i':
		sm->no_dot = true;
		break;
	case 'o':
		sm->no_dot = sm->no_dot || strcmp(optarg, "i") == 0;
		break;
	case 't':
		sm->of_header = true;
		break;
	case 'v':
		sm->verbose = true;
		break;
	case '?':
		return EX_USAGE; /* getopt said it */
	default:
		break; /* one of those that change nothing */
	}
	return 0;
}

int
sendmail_options(struct sendmail *sm, int argc, char **argv)
{
	int c, r = 0;

	while (r == 0 && (c = getopt(argc, argv, SENDMAIL_OPTIONS)) != -1)
		r = so_option(sm, c);
	if (r != 0)
		return r;
	if (sm->mode != SENDMAIL_SUBMIT && optind < argc)
		return so_wrong("", argv[optind],
				"no recipients with -bp, -bs and -q");
	if (argc - optind > SUBMIT_RCPT_MAX) {
		sendmail_say("more than %d recipients", SUBMIT_RCPT_MAX);
		return EX_USAGE;
	}
	for (int i = optind; i < argc; i++)
		sm->rcpts.v[sm->rcpts.n++] = argv[i];
	return 0;
}
