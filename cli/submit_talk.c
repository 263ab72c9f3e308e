#include "cli/submit_talk.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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
			snprintf(t->text, sizeof(t->text), "%s",
				 feof(t->in) ? "the connection was closed"
					     : "an answer that is not SMTP");
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

int
talk_open(struct submit_talk *t, const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd, in, r;

	memset(t, 0, sizeof(*t));
	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		goto failed;
	in = dup(fd);
	if (in < 0)
		goto failed;
	t->in = fdopen(in, "r");
	t->out = fdopen(fd, "w");
	talk_reply(t);
	return 0;

failed:
	r = -errno;
	close(fd);
	return r;
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

int
talk_message(struct submit_talk *t, FILE *file)
{
	bool at_start = true;
	int c;

	while ((c = getc(file)) != EOF) {
		if (c == '\r') { /* of a CRLF; a bare one is refused there */
			c = getc(file);
			if (c != '\n') {
				putc('\r', t->out);
				ungetc(c, file);
				at_start = false;
				continue;
			}
		}
		if (c == '\n')
			putc('\r', t->out);
		else if (c == '.' && at_start)
			putc('.', t->out);
		putc(c, t->out);
		at_start = c == '\n';
	}
	if (ferror(file))
		return -1;
	if (!at_start)
		fputs("\r\n", t->out);
	fputs(".\r\n", t->out);
	fflush(t->out);
	return talk_reply(t);
}
