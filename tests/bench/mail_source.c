/*
 * mail_source - an SMTP client for the benchmark: what Postfix's smtp-source
 * does, but to many domains, by TLS, and logged in.
 *
 * Like smtp-source it waits for each reply. The messages go in turn to
 * ben@dFIRST.example ... ben@dLAST.example, numbers of four digits. It ends when
 * the last one is acknowledged; anything unexpected ends it with status 1.
 */
#include <err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "login.h"
#include "wire.h"

#define CONNECTIONS_MAX 10000
#define DOMAIN_MAX      9999
#define SIZE_MAX_BYTES  (1 << 20)

static const char usage[] =
	"usage: mail_source [-c CONNECTIONS] [-d FIRST-LAST] [-s SIZE] [-n]\n"
	"                   [-t starttls|implicit] [-u USER:PASSWORD] PORT "
	"COUNT\n"
	"       mail_source -H [-c CONNECTIONS] [-t ...] PORT COUNT\n"
	"       mail_source -I [-t ...] PORT COUNT\n"
	"\n"
	"-n: a connection for each message, and a login with -u\n"
	"-H: no mail, COUNT connections up to the reply to EHLO\n"
	"-I: COUNT connections at once up to there; says \"ready\", and holds\n"
	"    them until its standard input ends\n";

/* What all threads share; only `next` changes. */
static struct {
	int port;
	long count;
	long connections;
	long first, ndomain;
	bool anew;    /* a connection for each message */
	bool no_mail; /* only the connection */
	bool idle;    /* all at once, and they are held */
	size_t size;  /* of the content, about */
	enum wire_tls tls;
	const char *user; /* NULL: no login */
	const char *password;
	char *content; /* with the dot that ends it */
	size_t content_len;
	atomic_long next; /* the message that nobody has taken yet */
} job = {
	.connections = 20,
	.ndomain = 1,
	.size = 4096,
};

static void
say(struct wire *w, const char *text, char kind)
{
	wire_say(w, text, strlen(text), kind);
}

static void
message_send(struct wire *w, long number)
{
	char to[64];

	snprintf(to, sizeof(to), "RCPT TO:<ben@d%04ld.example>\r\n",
		 job.first + number % job.ndomain);
	say(w, "MAIL FROM:<anna@example.org>\r\n", '2');
	say(w, to, '2');
	say(w, "DATA\r\n", '3');
	wire_say(w, job.content, job.content_len, '2');
}

static struct wire *
connection_open(void)
{
	struct wire *w = wire_open(job.port, job.tls);

	if (job.user)
		login_scram(w, job.user, job.password);
	return w;
}

static void
connection_close(struct wire **w)
{
	say(*w, "QUIT\r\n", '2');
	wire_close(w);
}

static void *
connection_run(void *unused)
{
	struct wire *w = job.anew ? NULL : connection_open();
	long number;

	(void)unused;
	while ((number = atomic_fetch_add(&job.next, 1)) < job.count) {
		if (job.anew)
			w = connection_open();
		if (!job.no_mail)
			message_send(w, number);
		if (job.anew)
			connection_close(&w);
	}
	if (w)
		connection_close(&w);
	return NULL;
}

static void
run_threads(void)
{
	pthread_t thread[CONNECTIONS_MAX];

	for (long i = 0; i < job.connections; i++)
		if (pthread_create(&thread[i], NULL, connection_run, NULL) != 0)
			errx(1, "no thread");
	for (long i = 0; i < job.connections; i++)
		pthread_join(thread[i], NULL);
}

static void
run_idle(void)
{
	struct wire **w = calloc((size_t)job.count, sizeof(struct wire *));
	char byte;

	if (!w)
		err(1, "memory");
	for (long i = 0; i < job.count; i++)
		w[i] = wire_open(job.port, job.tls);
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	for (long i = 0; i < job.count; i++)
		wire_close(&w[i]);
	free(w);
}

/* --- the command line ------------------------------------------------------- */

/* A header and lines of 78 characters, as many as fill SIZE. */
static void
content_make(size_t size)
{
	FILE *file = open_memstream(&job.content, &job.content_len);
	char line[79];

	if (!file)
		err(1, "memory");
	memset(line, 'x', 78);
	line[78] = '\0';
	fprintf(file, "From: <anna@example.org>\r\nSubject: a message\r\n\r\n");
	for (size_t done = 0; done + 80 < size; done += 80)
		fprintf(file, "%s\r\n", line);
	fprintf(file, ".\r\n");
	if (fclose(file) == EOF)
		err(1, "memory");
}

static long
number_of(const char *text, const char *what, long least, long most)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end || value < least || value > most)
		errx(64, "%s: %s is no number from %ld to %ld", what, text,
		     least, most);
	return value;
}

static void
read_domains(char *text)
{
	char *last = strchr(text, '-');

	if (!last)
		errx(64, "%s", usage);
	*last++ = '\0';
	job.first = number_of(text, "FIRST", 0, DOMAIN_MAX);
	job.ndomain =
		number_of(last, "LAST", job.first, DOMAIN_MAX) - job.first + 1;
}

static void
read_login(char *text)
{
	char *password = strchr(text, ':');

	if (!password)
		errx(64, "%s", usage);
	*password++ = '\0';
	job.user = text;
	job.password = password;
}

static enum wire_tls
read_tls(const char *text)
{
	if (strcmp(text, "starttls") == 0)
		return WIRE_STARTTLS;
	if (strcmp(text, "implicit") == 0)
		return WIRE_IMPLICIT;
	errx(64, "%s", usage);
}

static void
read_option(int c, char *value)
{
	switch (c) {
	case 'c':
		job.connections =
			number_of(value, "CONNECTIONS", 1, CONNECTIONS_MAX);
		return;
	case 'd':
		read_domains(value);
		return;
	case 's':
		job.size = (size_t)number_of(value, "SIZE", 1, SIZE_MAX_BYTES);
		return;
	case 'n':
		job.anew = true;
		return;
	case 't':
		job.tls = read_tls(value);
		return;
	case 'u':
		read_login(value);
		return;
	case 'H':
		job.no_mail = job.anew = true;
		return;
	case 'I':
		job.idle = true;
		return;
	default:
		errx(64, "%s", usage);
	}
}

/* So that the salted password is there before there are threads. */
static void
first_login(void)
{
	struct wire *w = connection_open();

	connection_close(&w);
}

int
main(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "c:d:s:nt:u:HI")) != -1)
		read_option(c, optarg);
	if (argc - optind != 2)
		errx(64, "%s", usage);
	job.port = (int)number_of(argv[optind], "PORT", 1, 65535);
	job.count = number_of(argv[optind + 1], "COUNT", 1, 1000000000);
	content_make(job.size);
	if (job.user)
		first_login();
	if (job.idle)
		run_idle();
	else
		run_threads();
	free(job.content);
	return 0;
}
