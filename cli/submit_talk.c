#include "cli/submit_talk.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* One line of a reply, or false. */
static bool
talk_line(struct submit_talk *t, char *line, size_t size)
{
	size_t len;

	if (fgets(line, (int)size, t->in) == NULL)
		return false;
	len = strcspn(line, "\r\n");
	if (line[len] == '\0' || len < 3 || strspn(line, "0123456789") != 3)
		return false;
	line[len] = '\0';
	return true;
}

static const char *
talk_gone(const struct submit_talk *t)
{
	if (feof(t->in))
		return "the connection was closed";
	if (!ferror(t->in))
		return "an answer that is not SMTP";
	return errno == EAGAIN ? "no answer in time" : strerror(errno);
}

static int
talk_reply(struct submit_talk *t)
{
	char line[TALK_REPLY_MAX];
	size_t len = 0;

	t->text[0] = '\0';
	t->code = 0;
	do {
		if (!talk_line(t, line, sizeof(line))) {
			t->code = 0;
			snprintf(t->text, sizeof(t->text), "%s", talk_gone(t));
			return 0;
		}
		t->code = (int)strtol(line, NULL, 10);
		if (line[3] != '\0' && len < sizeof(t->text) - 1)
			len += (size_t)snprintf(t->text + len,
						sizeof(t->text) - len, "%s%s",
						len > 0 ? " " : "", line + 4);
	} while (line[3] == '-');
	return t->code;
}

static void
talk_set_timeout(int fd, time_t seconds)
{
	const struct timeval tv = {.tv_sec = seconds};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

int
talk_connect(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd, r;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

int
talk_open(struct submit_talk *t, const char *path)
{
	int fd = talk_connect(path), in, r;

	memset(t, 0, sizeof(*t));
	if (fd < 0)
		return fd;
	in = dup(fd);
	if (in < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	talk_set_timeout(fd, TALK_TIMEOUT_S);
	t->in = fdopen(in, "r");
	t->out = fdopen(fd, "w");
	talk_reply(t);
	return 0;
}

void
talk_close(struct submit_talk *t)
{
	if (t->in != NULL)
		fclose(t->in);
	if (t->out != NULL)
		fclose(t->out);
	t->in = t->out = NULL;
}

int
talk_say(struct submit_talk *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(t->out, fmt, ap);
	va_end(ap);
	fputs("\r\n", t->out);
	fflush(t->out); /* a failure shows in the reply that doesn't come */
	return talk_reply(t);
}

void
talk_wait(struct submit_talk *t)
{
	talk_set_timeout(fileno(t->in), 0);
}

bool
talk_has(const struct submit_talk *t, const char *keyword)
{
	size_t len = strlen(keyword);
	const char *word = strchr(t->text, ' ');

	for (; word != NULL; word = strchr(word, ' ')) {
		word++;
		if (strncasecmp(word, keyword, len) == 0 &&
		    (word[len] == '\0' || word[len] == ' '))
			return true;
	}
	return false;
}

/* False: FILE can't be read. */
static bool
talk_content(struct submit_talk *t, FILE *file, bool *at_start)
{
	int c;

	while ((c = getc(file)) != EOF) {
		if (c == '\r') { /* of a CRLF; a bare one is refused there */
			c = getc(file);
			if (c != '\n') {
				putc('\r', t->out);
				ungetc(c, file);
				*at_start = false;
				continue;
			}
		}
		if (c == '\n')
			putc('\r', t->out);
		else if (c == '.' && *at_start)
			putc('.', t->out);
		putc(c, t->out);
		*at_start = c == '\n';
	}
	return !ferror(file);
}

int
talk_message(struct submit_talk *t, FILE *file, FILE *more)
{
	bool at_start = true;

	if (!talk_content(t, file, &at_start) ||
	    (more != NULL && !talk_content(t, more, &at_start)))
		return -1;
	if (!at_start)
		fputs("\r\n", t->out);
	fputs(".\r\n", t->out);
	fflush(t->out);
	return talk_reply(t);
}
