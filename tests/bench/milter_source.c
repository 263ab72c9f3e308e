/*
 * milter_source - the mail server's end of the milter protocol, for the
 * benchmark: a message is shown again and again to one milter, or to several in
 * a row, as Postfix does it.
 *
 *	milter_source CONNECTIONS COUNT MESSAGE SOCKET...
 *
 * Each of CONNECTIONS threads has a connection to each milter, and shows it one
 * message at a time; what a milter adds to the header those behind it see.
 * What a milter has said it does not want is not sent, answers it does not give are
 * not waited for, and what need not be on its way at once is gathered. MESSAGE is a file whose lines end in LF.
 *
 * Prints messages a second, then the milliseconds within which 99 of 100 were
 * done, then the fields that were added to the last one. A milter that says
 * anything but "go on" before the end of a message ends the program with status 1.
 */
#include <arpa/inet.h>
#include <err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>

#include "base/buf.h"
#include "base/must.h"

#define CONNECTIONS_MAX 1000
#define MILTERS_MAX     4
#define FIELDS_MAX      200
#define ADDED_MAX       20
#define OUT_MAX         (4 << 20)
#define IN_MAX          65536
#define MESSAGE_MAX     (1 << 20)
#define VERSION         6
#define LENGTH_BYTES    4

struct field {
	char *name, *value;
};

struct peer {
	int fd;
	uint32_t steps; /* what it wants, and what it is silent to */
	struct buf out;
	char in[IN_MAX + 1];
	size_t have, used; /* of IN; what is used goes with the next answer */
	char *data;        /* of the last answer, in IN, with a NUL behind */
	size_t len;
};

struct connection {
	struct peer *peers[MILTERS_MAX];
	struct field added[ADDED_MAX]; /* owned */
	size_t nadded;
};

/* What all threads share; only `next` and `took_ms` change. */
static struct {
	char **sockets;
	size_t nsockets;
	struct field fields[FIELDS_MAX];
	size_t nfields;
	struct buf body; /* its lines end in CRLF */
	char *text;
	long count;
	atomic_long next;
	double *took_ms; /* of each message */
} job;

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* --- packets ---------------------------------------------------------------------- */

static size_t
packet_open(struct peer *p, char command)
{
	size_t at = p->out.len;

	must(buf_append(&p->out, "\0\0\0", LENGTH_BYTES) == 0);
	must(buf_append_char(&p->out, command) == 0);
	return at;
}

static void
packet_text(struct peer *p, const char *text)
{
	must(buf_append(&p->out, text, strlen(text) + 1) == 0);
}

static void
packet_number(struct peer *p, uint32_t number)
{
	number = htonl(number);
	must(buf_append(&p->out, &number, sizeof(number)) == 0);
}

static void
packet_close(struct peer *p, size_t at)
{
	uint32_t len = htonl((uint32_t)(p->out.len - at - LENGTH_BYTES));

	memcpy(p->out.data + at, &len, sizeof(len));
}

static void
peer_flush(struct peer *p)
{
	for (size_t at = 0; at < p->out.len;) {
		ssize_t n = write(p->fd, p->out.data + at, p->out.len - at);

		if (n <= 0)
			err(1, "write to a milter");
		at += (size_t)n;
	}
	p->out.len = 0;
}

static uint32_t
number_at(const char *data)
{
	uint32_t number;

	memcpy(&number, data, sizeof(number));
	return ntohl(number);
}

/* Have LEN octets of what is not used yet. */
static void
peer_fill(struct peer *p, size_t len)
{
	if (p->have - p->used >= len)
		return;
	memmove(p->in, p->in + p->used, p->have - p->used);
	p->have -= p->used;
	p->used = 0;
	if (len > IN_MAX)
		errx(1, "an answer of %zu octets", len);
	while (p->have < len) {
		ssize_t n = read(p->fd, p->in + p->have, IN_MAX - p->have);

		if (n <= 0)
			errx(1, "a milter has left");
		p->have += (size_t)n;
	}
}

/* The answer to what has been sent: its letter, and what else it says in
 * `data`, until the next one. */
static char
peer_answer(struct peer *p)
{
	size_t len;
	char command;

	peer_flush(p);
	peer_fill(p, LENGTH_BYTES);
	len = number_at(p->in + p->used);
	if (len == 0 || len > IN_MAX)
		errx(1, "an answer of %zu octets", len);
	peer_fill(p, LENGTH_BYTES + len);
	command = p->in[p->used + LENGTH_BYTES];
	p->data = p->in + p->used + LENGTH_BYTES + 1;
	p->len = len - 1;
	p->used += LENGTH_BYTES + len;
	return command;
}

/* Go on with the next step, once the milter has no objection; it may be SILENT. */
static void
peer_step(struct peer *p, uint32_t silent)
{
	char said;

	if (p->steps & silent)
		return;
	said = peer_answer(p);
	if (said != SMFIR_CONTINUE && said != SMFIR_SKIP)
		errx(1, "a milter says %c before the end", said);
}

static bool
peer_wants(const struct peer *p, uint32_t unwanted)
{
	return (p->steps & unwanted) == 0;
}

static void
peer_command(struct peer *p, char command, const char *text)
{
	size_t at = packet_open(p, command);

	packet_text(p, text);
	packet_close(p, at);
}

static void
peer_macros(struct peer *p, char command, const char *const pairs[])
{
	size_t at = packet_open(p, SMFIC_MACRO);

	must(buf_append_char(&p->out, command) == 0);
	for (; *pairs != NULL; pairs++)
		packet_text(p, *pairs);
	packet_close(p, at);
}

/* --- a connection -------------------------------------------------------------------- */

#define OFFERED_ACTIONS                                                        \
	(SMFIF_ADDHDRS | SMFIF_CHGBODY | SMFIF_ADDRCPT | SMFIF_DELRCPT |       \
	 SMFIF_CHGHDRS | SMFIF_QUARANTINE | SMFIF_CHGFROM |                    \
	 SMFIF_ADDRCPT_PAR | SMFIF_SETSYMLIST)
#define OFFERED_STEPS                                                          \
	(SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NOMAIL | SMFIP_NORCPT |        \
	 SMFIP_NOBODY | SMFIP_NOHDRS | SMFIP_NOEOH | SMFIP_NR_HDR |            \
	 SMFIP_NOUNKNOWN | SMFIP_NODATA | SMFIP_SKIP | SMFIP_RCPT_REJ |        \
	 SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_MAIL | SMFIP_NR_RCPT |       \
	 SMFIP_NR_DATA | SMFIP_NR_UNKN | SMFIP_NR_EOH | SMFIP_NR_BODY |        \
	 SMFIP_HDR_LEADSPC)

static void
peer_negotiate(struct peer *p)
{
	size_t at = packet_open(p, SMFIC_OPTNEG);

	packet_number(p, VERSION);
	packet_number(p, OFFERED_ACTIONS);
	packet_number(p, OFFERED_STEPS);
	packet_close(p, at);
	if (peer_answer(p) != SMFIC_OPTNEG || p->len < 3 * sizeof(uint32_t))
		errx(1, "a milter does not want to be asked");
	p->steps = number_at(p->data + 2 * sizeof(uint32_t));
}

static void
peer_connect(struct peer *p)
{
	static const char *const macros[] = {
		"j", "mail.peer.example", "{daemon_name}", "smtpd", "v", "1.0",
		NULL};
	static const uint16_t port = 40000;
	size_t at;

	if (peer_wants(p, SMFIP_NOCONNECT)) {
		peer_macros(p, SMFIC_CONNECT, macros);
		at = packet_open(p, SMFIC_CONNECT);
		packet_text(p, "localhost");
		must(buf_append_char(&p->out, SMFIA_INET) == 0);
		must(buf_append(&p->out, &port, sizeof(port)) == 0);
		packet_text(p, "127.0.0.1");
		packet_close(p, at);
		peer_step(p, SMFIP_NR_CONN);
	}
	if (peer_wants(p, SMFIP_NOHELO)) {
		peer_command(p, SMFIC_HELO, "mx.sender.example");
		peer_step(p, SMFIP_NR_HELO);
	}
}

static struct peer *
peer_open(const char *path)
{
	struct peer *p = calloc(1, sizeof(*p));
	struct sockaddr_un sa = {.sun_family = AF_UNIX};

	must(p != NULL);
	must(strlen(path) < sizeof(sa.sun_path));
	memcpy(sa.sun_path, path, strlen(path) + 1);
	buf_init(&p->out, OUT_MAX);
	p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (p->fd < 0 || connect(p->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		err(1, "%s", path);
	peer_negotiate(p);
	peer_connect(p);
	return p;
}

static void
peer_close(struct peer *p)
{
	packet_close(p, packet_open(p, SMFIC_QUIT));
	peer_flush(p);
	close(p->fd);
	buf_done(&p->out);
	free(p);
}

/* --- a message ----------------------------------------------------------------------- */

static void
show_envelope(struct peer *p)
{
	static const char *const mail_macros[] = {"i",
						  "4FzYbN2Kq1z1",
						  "{mail_addr}",
						  "anna@sender.example",
						  "{mail_host}",
						  "[127.0.0.1]",
						  "{mail_mailer}",
						  "smtp",
						  NULL};
	static const char *const rcpt_macros[] = {
		"{rcpt_addr}", "ben@example.net", "{rcpt_host}",
		"[127.0.0.1]", "{rcpt_mailer}",   "smtp",
		NULL};

	if (peer_wants(p, SMFIP_NOMAIL)) {
		peer_macros(p, SMFIC_MAIL, mail_macros);
		peer_command(p, SMFIC_MAIL, "<anna@sender.example>");
		peer_step(p, SMFIP_NR_MAIL);
	}
	if (peer_wants(p, SMFIP_NORCPT)) {
		peer_macros(p, SMFIC_RCPT, rcpt_macros);
		peer_command(p, SMFIC_RCPT, "<ben@example.net>");
		peer_step(p, SMFIP_NR_RCPT);
	}
	if (peer_wants(p, SMFIP_NODATA)) {
		packet_close(p, packet_open(p, SMFIC_DATA));
		peer_step(p, SMFIP_NR_DATA);
	}
}

static void
show_field(struct peer *p, const struct field *field)
{
	bool raw = (p->steps & SMFIP_HDR_LEADSPC) != 0;
	size_t at = packet_open(p, SMFIC_HEADER);

	packet_text(p, field->name);
	packet_text(p, field->value + (!raw && field->value[0] == ' '));
	packet_close(p, at);
	peer_step(p, SMFIP_NR_HDR);
}

/* A name and a value, with a NUL behind each. */
static void
take_field(struct connection *c, const char *data, size_t len, bool raw)
{
	const char *value = memchr(data, '\0', len);
	struct field *field = &c->added[c->nadded++];

	if (value == NULL || c->nadded > ADDED_MAX || data[len - 1] != '\0')
		errx(1, "not a field, or too many of them");
	field->name = strdup(data);
	must(field->name != NULL);
	must(asprintf(&field->value, "%s%s", raw ? "" : " ", value + 1) > 0);
}

/* What it does to the message, up to its last word. */
static void
hear_end(struct connection *c, struct peer *p)
{
	bool raw = (p->steps & SMFIP_HDR_LEADSPC) != 0;

	for (;;) {
		switch (peer_answer(p)) {
		case SMFIR_CONTINUE:
		case SMFIR_ACCEPT:
			return;
		case SMFIR_PROGRESS:
			break;
		case SMFIR_ADDHEADER:
			take_field(c, p->data, p->len, raw);
			break;
		case SMFIR_INSHEADER:
			if (p->len < sizeof(uint32_t))
				errx(1, "not a field");
			take_field(c, p->data + sizeof(uint32_t),
				   p->len - sizeof(uint32_t), raw);
			break;
		default:
			errx(1, "a milter does not let it pass");
		}
	}
}

static const char *const queue_id[] = {"i", "4FzYbN2Kq1z1", NULL};

static void
show_header(const struct connection *c, struct peer *p)
{
	for (size_t i = 0; i < c->nadded; i++)
		show_field(p, &c->added[i]);
	for (size_t i = 0; i < job.nfields; i++)
		show_field(p, &job.fields[i]);
}

static void
show_body(struct peer *p)
{
	for (size_t done = 0; done < job.body.len;) {
		size_t len = job.body.len - done, at;

		if (len > MILTER_CHUNK_SIZE)
			len = MILTER_CHUNK_SIZE;
		at = packet_open(p, SMFIC_BODY);
		must(buf_append(&p->out, job.body.data + done, len) == 0);
		packet_close(p, at);
		peer_step(p, SMFIP_NR_BODY);
		done += len;
	}
}

static void
show_content(struct connection *c, struct peer *p)
{
	if (peer_wants(p, SMFIP_NOHDRS))
		show_header(c, p);
	if (peer_wants(p, SMFIP_NOEOH)) {
		peer_macros(p, SMFIC_EOH, queue_id);
		packet_close(p, packet_open(p, SMFIC_EOH));
		peer_step(p, SMFIP_NR_EOH);
	}
	if (peer_wants(p, SMFIP_NOBODY))
		show_body(p);
	peer_macros(p, SMFIC_BODYEOB, queue_id);
	packet_close(p, packet_open(p, SMFIC_BODYEOB));
	hear_end(c, p);
}

static void
connection_forget(struct connection *c)
{
	for (; c->nadded > 0; c->nadded--) {
		free(c->added[c->nadded - 1].name);
		free(c->added[c->nadded - 1].value);
	}
}

static void *
connection_run(void *arg)
{
	struct connection *c = arg;
	long number;

	for (size_t i = 0; i < job.nsockets; i++)
		c->peers[i] = peer_open(job.sockets[i]);
	while ((number = atomic_fetch_add(&job.next, 1)) < job.count) {
		double begun = now_ms();

		connection_forget(c);
		for (size_t i = 0; i < job.nsockets; i++)
			show_envelope(c->peers[i]);
		for (size_t i = 0; i < job.nsockets; i++)
			show_content(c, c->peers[i]);
		job.took_ms[number] = now_ms() - begun;
	}
	for (size_t i = 0; i < job.nsockets; i++)
		peer_close(c->peers[i]);
	return NULL;
}

/* --- the command line ------------------------------------------------------------------ */

static void
read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	size_t len;

	job.text = calloc(1, MESSAGE_MAX + 1);
	must(job.text != NULL);
	if (file == NULL)
		err(1, "%s", path);
	len = fread(job.text, 1, MESSAGE_MAX, file);
	if (len == 0 || memchr(job.text, '\0', len) != NULL)
		errx(1, "%s is empty, or holds a NUL", path);
	fclose(file);
}

/* Up to the empty line; returns what is behind. A field is cut where it stands. */
static char *
read_fields(char *at)
{
	while (*at != '\n' && *at != '\0') {
		struct field *field = &job.fields[job.nfields++];
		char *colon = strchr(at, ':'), *end = strchr(at, '\n');

		while (end != NULL && (end[1] == ' ' || end[1] == '\t'))
			end = strchr(end + 1, '\n');
		if (job.nfields > FIELDS_MAX || colon == NULL || end == NULL ||
		    colon > end)
			errx(1, "not a header");
		*colon = *end = '\0';
		*field = (struct field){at, colon + 1};
		at = end + 1;
	}
	return *at == '\n' ? at + 1 : at;
}

static void
read_body(const char *at)
{
	buf_init(&job.body, 2 * MESSAGE_MAX);
	while (*at != '\0') {
		size_t len = strcspn(at, "\n");

		must(buf_append(&job.body, at, len) == 0);
		must(buf_append_str(&job.body, "\r\n") == 0);
		at += len + (at[len] == '\n');
	}
}

static int
compare(const void *left, const void *right)
{
	const double *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

static void
show_result(double ms, const struct connection *c)
{
	qsort(job.took_ms, (size_t)job.count, sizeof(double), compare);
	printf("%.1f %.3f\n", (double)job.count * 1e3 / ms,
	       job.took_ms[(job.count - 1) * 99 / 100]);
	for (size_t i = 0; i < c->nadded; i++)
		printf("%s:%s\n", c->added[i].name, c->added[i].value);
}

static void
run(size_t connections)
{
	pthread_t threads[CONNECTIONS_MAX];
	struct connection *c = calloc(connections, sizeof(*c));
	double begun = now_ms();

	must(c != NULL);
	for (size_t i = 0; i < connections; i++)
		must(pthread_create(&threads[i], NULL, connection_run, &c[i]) ==
		     0);
	for (size_t i = 0; i < connections; i++)
		pthread_join(threads[i], NULL);
	begun = now_ms() - begun;
	for (size_t i = 0; i < connections; i++)
		if (c[i].nadded > 0 || i + 1 == connections) {
			show_result(begun, &c[i]);
			break;
		}
	for (size_t i = 0; i < connections; i++)
		connection_forget(&c[i]);
	free(c);
}

int
main(int argc, char **argv)
{
	long connections = argc > 4 ? strtol(argv[1], NULL, 10) : 0;

	job.count = argc > 4 ? strtol(argv[2], NULL, 10) : 0;
	if (connections <= 0 || connections > CONNECTIONS_MAX ||
	    job.count <= 0 || argc > 4 + MILTERS_MAX)
		errx(64, "usage: milter_source CONNECTIONS COUNT MESSAGE "
			 "SOCKET...");
	job.sockets = argv + 4;
	job.nsockets = (size_t)argc - 4;
	job.took_ms = calloc((size_t)job.count, sizeof(double));
	must(job.took_ms != NULL);
	read_file(argv[3]);
	read_body(read_fields(job.text));
	run((size_t)connections);
	buf_done(&job.body);
	free(job.text);
	free(job.took_ms);
	return 0;
}
