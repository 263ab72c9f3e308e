/*
 * <syslog.h> and base/log.h both name levels LOG_..., so this file must not see
 * the second.
 */
#define SYSLOG_NAMES
#include "base/log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

int
log_sink_facility(const char *name)
{
	for (const CODE *c = facilitynames; c->c_name != NULL; c++)
		if (strcmp(c->c_name, name) == 0)
			return c->c_val;
	return -1;
}

/* Is stderr the stream that systemd names in JOURNAL_STREAM ("dev:inode")? */
static bool
sink_is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char text[64];
	struct stat st;

	if (stream == NULL || fstat(fd, &st) < 0)
		return false;
	snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)st.st_dev,
		 (uintmax_t)st.st_ino);
	return strcmp(text, stream) == 0;
}

int
log_sink_open(const char *to, struct log_sink *ret)
{
	struct log_sink s = {.fd = STDERR_FILENO};

	if (strcmp(to, "stderr") == 0) {
		s.prefixed = sink_is_journal(s.fd);
	} else if (strncmp(to, "syslog:", 7) == 0) {
		s.fd = -1;
		s.prefixed = true;
		s.facility = log_sink_facility(to + 7);
		if (s.facility < 0)
			return -EINVAL;
	} else {
		/* A FIFO that nobody reads must not stop who opens it. */
		s.fd = open(to,
			    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC |
				    O_NOCTTY | O_NONBLOCK,
			    0640);
		if (s.fd < 0)
			return -errno;
		fcntl(s.fd, F_SETFL, O_APPEND);
	}
	*ret = s;
	return 0;
}

void
log_sink_use(const struct log_sink *s)
{
	if (s->fd < 0)
		openlog("belfry", LOG_PID | LOG_NDELAY, s->facility);
}

void
log_sink_close(struct log_sink *s)
{
	if (s->fd > STDERR_FILENO)
		close(s->fd);
	else if (s->fd < 0)
		closelog();
	s->fd = STDERR_FILENO;
}

static size_t
sink_count_lines(const char *data, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += data[i] == '\n';
	return n;
}

static size_t
sink_write_fd(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n >= 0) {
			data += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1,
			     1000);
		} else if (errno != EINTR) {
			return sink_count_lines(data, len);
		}
	}
	return 0;
}

static void
sink_write_syslog(const struct log_sink *s, const char *data, size_t len)
{
	const char *end = data + len;

	while (data < end) {
		const char *nl = memchr(data, '\n', (size_t)(end - data));
		int priority = LOG_INFO;

		if (nl == NULL)
			nl = end;
		if (nl - data > 3 && data[0] == '<' && data[2] == '>') {
			priority = data[1] - '0';
			data += 3;
		}
		syslog(s->facility | priority, "%.*s", (int)(nl - data), data);
		data = nl + 1;
	}
}

size_t
log_sink_write(const struct log_sink *s, const char *data, size_t len)
{
	if (s->fd >= 0)
		return sink_write_fd(s->fd, data, len);
	sink_write_syslog(s, data, len);
	return 0;
}
