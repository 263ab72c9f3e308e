/*
 * `belfry password`: a password into an entry of the users file. It works
 * without belfryd and reads no configuration.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/password.h"
#include "cli/command.h"
#include "mail/scram.h"

/* One more than fits, the line's end and a NUL. */
#define LINE_SIZE (PASSWORD_MAX + 3)

/* --- without echo ---------------------------------------------------------- */

static struct termios tty_before; /* for the handler */

static void
tty_interrupted(int signo)
{
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &tty_before);
	signal(signo, SIG_DFL);
	raise(signo);
}

static void
tty_signals(void (*handler)(int))
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], handler);
}

static bool
tty_silence(void)
{
	struct termios silent;

	if (tcgetattr(STDIN_FILENO, &tty_before) < 0)
		return false;
	tty_signals(tty_interrupted);
	silent = tty_before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	return tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
}

static void
tty_restore(void)
{
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &tty_before);
	tty_signals(SIG_DFL);
}

/* --- the password ---------------------------------------------------------- */

/* One line, its end dropped. False after saying why. */
static bool
password_read_line(char line[static LINE_SIZE])
{
	size_t len = 0;
	int c;

	while ((c = getchar()) != EOF && c != '\n') {
		if (c == '\0') {
			cli_say("a password can't hold a NUL");
			return false;
		}
		if (len < LINE_SIZE - 1)
			line[len++] = (char)c;
	}
	if (len > 0 && line[len - 1] == '\r')
		len--;
	line[len] = '\0';
	if (len == 0)
		cli_say("no password was given");
	else if (len > PASSWORD_MAX)
		cli_say("a password has at most %d bytes", PASSWORD_MAX);
	return len > 0 && len <= PASSWORD_MAX;
}

static bool
password_ask_once(const char *prompt, char line[static LINE_SIZE])
{
	bool ok;

	fputs(prompt, stderr);
	ok = password_read_line(line);
	fputc('\n', stderr);
	return ok;
}

static bool
password_ask(char line[static LINE_SIZE])
{
	char again[LINE_SIZE];
	bool ok;

	if (!isatty(STDIN_FILENO))
		return password_read_line(line);
	if (!tty_silence()) {
		cli_say("the terminal can't be kept from showing it: %s",
			strerror(errno));
		return false;
	}
	ok = password_ask_once("Password: ", line) &&
	     password_ask_once("The same again: ", again);
	tty_restore();
	if (ok && strcmp(line, again) != 0) {
		cli_say("the two are not the same");
		ok = false;
	}
	password_wipe(again, sizeof(again));
	return ok;
}

/* --- the entry ------------------------------------------------------------- */

static void
password_print_name(const char *name)
{
	putchar('"');
	for (; *name != '\0'; name++) {
		if (*name == '"' || *name == '\\')
			putchar('\\');
		putchar(*name);
	}
	putchar('"');
}

static int
password_print(const char *name, const char *password)
{
	char hash[PASSWORD_HASH_MAX];
	struct scram_keys keys;
	int r = password_hash(password, hash), scram;

	if (r < 0) {
		cli_say("no hash could be made: %s", strerror(-r));
		return CLI_WRONG;
	}
	scram = scram_keys_make(password, NULL, SCRAM_ITERATIONS, &keys);
	if (scram < 0)
		cli_say("without keys for SCRAM: %s",
			scram == -EILSEQ
				? "they need a password of UTF-8 without "
				  "control characters"
				: strerror(-scram));
	password_print_name(name);
	printf(": {password: \"%s\"", hash);
	if (scram == 0)
		printf(", scram: {iterations: %lld, salt: \"%s\", stored: "
		       "\"%s\", server: \"%s\"}",
		       (long long)keys.iterations, keys.salt, keys.stored,
		       keys.server);
	puts("}");
	return CLI_OK;
}

int
cli_password(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"user", required_argument, NULL, 'u'},
		{NULL, 0, NULL, 0},
	};
	char line[LINE_SIZE];
	const char *name = "NAME";
	int c, r = CLI_WRONG;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'u')
			return cli_usage(cli);
		name = optarg;
	}
	if (optind < argc)
		return cli_usage(cli);
	if (!password_name_ok(name)) {
		cli_say("a name is UTF-8 without control characters, of 1 to "
			"%d bytes",
			PASSWORD_NAME_MAX);
		return CLI_USAGE;
	}
	setvbuf(stdin, NULL, _IONBF, 0); /* nothing of it stays in a buffer */
	if (password_ask(line))
		r = password_print(name, line);
	password_wipe(line, sizeof(line));
	return r;
}
