/*
 * mail_source - an SMTP client for the benchmark: what Postfix's smtp-source
 * does, but to many domains.
 *
 *	mail_source PORT COUNT CONNECTIONS FIRST LAST SIZE
 *
 * Sends COUNT messages of about SIZE bytes to 127.0.0.1:PORT, by CONNECTIONS
 * connections that are kept, and ends when the last one is acknowledged. The
 * messages go in turn to ben@dFIRST.example ... ben@dLAST.example, numbers of
 * four digits. Like smtp-source it waits for each reply. Anything unexpected
 * ends it with status 1.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1000
#define SIZE_MAX_BYTES  (1 << 20)
#define REPLY_MAX       4096

/* What all connections share; only `next` changes. */
static struct {
	long port;
	long count;
	long first;
	long ndomain;
	char *content; /* with the dot that ends it */
	size_t content_len;
	atomic_long next; /* the message that nobody has taken yet */
} job;

static int
server_connect(void)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)job.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int on = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		err(1, "port %ld", job.port);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

/* Is the last line of a reply there: one with a space after its code? */
static bool
reply_is_whole(const char *reply, size_t len)
{
	const char *line, *end;

	if (len < 5 || reply[len - 1] != '\n')
		return false;
	end = memrchr(reply, '\n', len - 1);
	line = end ? end + 1 : reply;
	return reply + len - line > 4 && line[3] == ' ';
}

static void
reply_expect(int fd, char kind)
{
	char reply[REPLY_MAX];
	size_t len = 0;
	ssize_t n;

	do {
		n = recv(fd, reply + len, sizeof(reply) - len, 0);
		if (n < 0)
			err(1, "recv");
		if (n == 0)
			errx(1, "the server has closed the connection");
		len += (size_t)n;
	} while (!reply_is_whole(reply, len));
	if (reply[0] != kind)
		errx(1, "not %cxx but %.*s", kind, (int)len, reply);
}

/* Send it, and wait for a reply that begins with KIND. */
static void
say(int fd, const char *text, size_t len, char kind)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0)
			err(1, "send");
		text += n;
		len -= (size_t)n;
	}
	reply_expect(fd, kind);
}

static void
message_send(int fd, long number)
{
	static const char from[] = "MAIL FROM:<anna@example.org>\r\n";
	static const char data[] = "DATA\r\n";
	char to[64];
	int len = snprintf(to, sizeof(to), "RCPT TO:<ben@d%04ld.example>\r\n",
			   job.first + number % job.ndomain);

	say(fd, from, sizeof(from) - 1, '2');
	say(fd, to, (size_t)len, '2');
	say(fd, data, sizeof(data) - 1, '3');
	say(fd, job.content, job.content_len, '2');
}

static void *
connection_run(void *unused)
{
	static const char helo[] = "HELO client.example.org\r\n";
	static const char quit[] = "QUIT\r\n";
	int fd = server_connect();
	long number;

	(void)unused;
	reply_expect(fd, '2');
	say(fd, helo, sizeof(helo) - 1, '2');
	while ((number = atomic_fetch_add(&job.next, 1)) < job.count)
		message_send(fd, number);
	say(fd, quit, sizeof(quit) - 1, '2');
	close(fd);
	return NULL;
}

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

int
main(int argc, char **argv)
{
	pthread_t thread[CONNECTIONS_MAX];
	long nthread;

	if (argc != 7)
		errx(64, "usage: mail_source PORT COUNT CONNECTIONS FIRST LAST "
			 "SIZE");
	job.port = number_of(argv[1], "PORT", 1, 65535);
	job.count = number_of(argv[2], "COUNT", 1, 1000000000);
	nthread = number_of(argv[3], "CONNECTIONS", 1, CONNECTIONS_MAX);
	job.first = number_of(argv[4], "FIRST", 0, 9999);
	job.ndomain = number_of(argv[5], "LAST", job.first, 9999) - job.first;
	job.ndomain++;
	content_make((size_t)number_of(argv[6], "SIZE", 1, SIZE_MAX_BYTES));

	for (long i = 0; i < nthread; i++)
		if (pthread_create(&thread[i], NULL, connection_run, NULL) != 0)
			errx(1, "no thread");
	for (long i = 0; i < nthread; i++)
		pthread_join(thread[i], NULL);
	free(job.content);
	return 0;
}
