/*
 * belfryd with a store that no daemon uses: --verify, --salvage, --export. Only
 * what is said and the exit statuses; the work is queue/store_offline.h's.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "config/program.h"
#include "queue/store_guard.h"
#include "queue/store_offline.h"
#include "relay/api.h"

/* sysexits(3) */
enum offline_exit {
	OFFLINE_WELL = 0,
	OFFLINE_DAMAGED = 1,
	OFFLINE_NO_STORE = 66,
	OFFLINE_CANT_CREATE = 73,
	OFFLINE_IO = 74,
	OFFLINE_IN_USE = 75,
};

static void __attribute__((format(printf, 1, 2))) off_say(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("belfryd: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* Some of it comes out of a damaged file. */
static void
off_line(void *arg, const char *line)
{
	(void)arg;
	for (; *line != '\0'; line++)
		putchar(*line >= ' ' && *line < 127 ? *line : '?');
	putchar('\n');
}

static int
off_failed(const char *dir, int r)
{
	switch (r) {
	case -ENOENT:
		off_say("%s: there is no store (no data.mdb)", dir);
		return OFFLINE_NO_STORE;
	case -EBUSY:
		off_say("%s is in use; stop belfryd first, or take a backup "
			"(`belfry store backup`) and look at that",
			dir);
		return OFFLINE_IN_USE;
	case -EPROTONOSUPPORT:
		off_say("%s: nothing of the store can be made out: both of its "
			"first pages are damaged, or it is something else",
			dir);
		return OFFLINE_DAMAGED;
	default:
		off_say("%s: %s", dir, strerror(-r));
		return OFFLINE_IO;
	}
}

/* The folder that is to be filled. */
static int
off_cant_make(const char *dir, int r)
{
	if (r == -EEXIST)
		off_say("%s is not empty; name a folder that is not there yet",
			dir);
	else
		off_say("can't make %s: %s", dir, strerror(-r));
	return OFFLINE_CANT_CREATE;
}

/* --- verify ---------------------------------------------------------------- */

static int
off_verify(char **argv)
{
	struct store_verdict v;
	int r = store_verify(argv[0], off_line, NULL, &v);

	if (r < 0)
		return off_failed(argv[0], r);
	printf("%s: %" PRIu64 " records, %" PRIu64 " waiting, %" PRIu64
	       " pages of content",
	       argv[0], v.recs, v.waits, v.pages);
	if (v.faults == 0) {
		puts(": all is well");
		return OFFLINE_WELL;
	}
	printf("; %" PRIu64 " faults\n", v.faults);
	off_say("%s is damaged; `belfryd --salvage %s NEWDIR` reads what can "
		"be read into a new store",
		argv[0], argv[0]);
	return OFFLINE_DAMAGED;
}

/* --- salvage --------------------------------------------------------------- */

static int
off_salvage(char **argv)
{
	const char *dir = argv[0], *new_dir = argv[1];
	struct store_salvaged s = {0};
	int r = store_salvage(dir, new_dir, off_line, NULL, &s);

	if (r < 0 && !s.made && s.new_failed)
		return off_cant_make(new_dir, r);
	if (r < 0) {
		r = off_failed(s.new_failed ? new_dir : dir, r);
		if (s.made)
			off_say("%s is not whole; remove it", new_dir);
		return r;
	}
	printf("%s: %" PRIu64 " messages; set aside: %" PRIu64
	       "; contents without a message: %" PRIu64
	       "; rows that can't be read: %" PRIu64 "\n",
	       new_dir, s.messages, s.set_aside, s.lost, s.unreadable);
	if (s.lost > 0)
		printf("the contents without a message are in %s/lost\n",
		       new_dir);
	if (s.doubtful)
		puts("it can't be told of every message whether it was "
		     "delivered already: belfryd will start paused");
	return s.faults + s.unreadable + s.set_aside + s.lost > 0
		       ? OFFLINE_DAMAGED
		       : OFFLINE_WELL;
}

/* --- export ---------------------------------------------------------------- */

struct export
{
	const char *out;
	uint64_t messages, damaged;
	uint64_t from; /* where the next read goes on */
};

static int
off_errno(void)
{
	return errno != 0 ? -errno : -EIO;
}

static int
off_open(const struct export *x, const char *id, const char *ending,
	 FILE **ret_file)
{
	char *path = xasprintf("%s/%s.%s", x->out, id, ending);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = 0;

	*ret_file = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (*ret_file == NULL)
		r = off_errno();
	free(path);
	return r;
}

static int
off_piece(void *arg, const void *data, size_t len)
{
	errno = 0;
	return fwrite(data, 1, len, arg) == len ? 0 : off_errno();
}

static int
off_close(FILE *f)
{
	int r = 0;

	errno = 0;
	if (ferror(f) || fflush(f) != 0 || fsync(fileno(f)) < 0)
		r = off_errno();
	if (fclose(f) != 0 && r == 0)
		r = off_errno();
	return r;
}

static int
off_export_envelope(struct export *x, const char *id,
		    const struct queue_message_info *m)
{
	json_t *json = api_message_json(m, true);
	FILE *f;
	int r = off_open(x, id, "json", &f);

	if (r == 0) {
		json_dumpf(json, f, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		fputc('\n', f);
		r = off_close(f);
	}
	json_decref(json);
	return r;
}

static int
off_export_one(struct export *x, struct store_txn *txn,
	       const struct queue_message_info *m)
{
	char id[QUEUE_ID_LEN];
	FILE *f;
	int r, closed;

	queue_id_text(m->id, id);
	r = off_open(x, id, "eml", &f);
	if (r < 0)
		return r;
	r = queue_content_offline(txn, m->id, off_piece, f);
	if (r == -EBADMSG) {
		printf("%s: the content is damaged; %s.eml ends early\n", id,
		       id);
		x->damaged++;
		r = 0;
	}
	closed = off_close(f);
	if (r == 0)
		r = closed;
	if (r < 0)
		return r;
	x->messages++;
	return off_export_envelope(x, id, m);
}

static int
off_export_some(struct store_txn *txn, void *arg)
{
	struct queue_listing *l;
	struct export *x = arg;
	int r;

	while ((r = queue_next_offline(txn, &x->from, &l)) > 0) {
		r = off_export_one(x, txn, &l->v[0]);
		queue_listing_free(&l);
		if (r < 0 || ++x->from == 0)
			return r;
	}
	return r;
}

static int
off_export_all(const char *dir, struct export *x)
{
	struct store *store;
	int r = store_open_offline(dir, &store);

	if (r < 0)
		return off_failed(dir, r);
	r = store_make_empty_dir(x->out);
	if (r < 0) {
		store_close_offline(&store);
		return off_cant_make(x->out, r);
	}
	r = store_read_offline(store, off_export_some, x);
	store_close_offline(&store);
	if (r < 0) {
		off_say("%s: %s; what is there is not all", x->out,
			strerror(-r));
		return OFFLINE_IO;
	}
	printf("%s: %" PRIu64 " messages\n", x->out, x->messages);
	return x->damaged > 0 ? OFFLINE_DAMAGED : OFFLINE_WELL;
}

static int
off_export(char **argv)
{
	struct export x = {.out = argv[1]};
	struct store_verdict v;
	int r = store_verify(argv[0], off_line, NULL, &v);

	if (r < 0)
		return off_failed(argv[0], r);
	if (v.structure == 0)
		return off_export_all(argv[0], &x);
	off_say("the structure of %s is damaged; first `belfryd --salvage %s "
		"NEWDIR`, then export NEWDIR",
		argv[0], argv[0]);
	return OFFLINE_DAMAGED;
}

/* --- which ----------------------------------------------------------------- */

static const struct {
	const char *option, *usage;
	int args;
	int (*run)(char **argv);
} off_commands[] = {
	{"--verify", "--verify DIR", 1, off_verify},
	{"--salvage", "--salvage DIR NEWDIR", 2, off_salvage},
	{"--export", "--export DIR OUT", 2, off_export},
};

bool
relay_offline(int argc, char **argv, int *ret)
{
	size_t n = sizeof(off_commands) / sizeof(off_commands[0]);

	for (size_t i = 0; argc > 1 && i < n; i++) {
		if (strcmp(argv[1], off_commands[i].option) != 0)
			continue;
		if (argc - 2 != off_commands[i].args) {
			fprintf(stderr, "usage: belfryd %s\n",
				off_commands[i].usage);
			*ret = PROGRAM_EXIT_USAGE;
			return true;
		}
		store_guard_install(argv[2]);
		*ret = off_commands[i].run(argv + 2);
		if (fflush(stdout) != 0)
			*ret = OFFLINE_IO;
		return true;
	}
	return false;
}
