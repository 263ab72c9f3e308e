/*
 * store_generation - is this the store that was here last?
 *
 * Record '0' "generation" holds a random number, and so does the file
 * `generation` beside the store. Both change at every start and at both ends of
 * a backup. A store whose number is not in the file is an older state that
 * somebody put back: what it holds may have been delivered meanwhile.
 *
 *	file: old     file: old, new     file: old, new     file: new
 *	record: old   record: old        record: new        record: new
 *
 * A crash leaves one of these, and each is the store that was here last. A file
 * without a store says that the store is lost; one that can't be read says
 * nothing, and the store is not opened.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/must.h"
#include "queue/store_impl.h"

#define GN_FILE STORE_GENERATION_FILE
#define GN_PART STORE_GENERATION_FILE ".part"
#define GN_HEAD "belfry-generation 1\n"

static const struct store_key gn_key = {
	.kind = '0', .len = 10, .bytes = "generation"};

struct gn_value {
	uint64_t id, since_ms, backup_ms; /* big-endian */
};

/* --- the file -------------------------------------------------------------- */

static int
gn_read_text(int fd, char *text, size_t size)
{
	ssize_t len = read(fd, text, size - 1);

	if (len < 0)
		return -errno;
	text[len] = '\0';
	return 0;
}

int
store_generation_read(int dir_fd, struct store_generation_file *ret)
{
	char text[128], *at = text + sizeof(GN_HEAD) - 1;
	int fd = openat(dir_fd, GN_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int r;

	*ret = (struct store_generation_file){.exists = fd >= 0};
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	r = gn_read_text(fd, text, sizeof(text));
	close(fd);
	if (r < 0 || strncmp(text, GN_HEAD, sizeof(GN_HEAD) - 1) != 0)
		return r;
	for (int n = 0; ret->n < 2 && sscanf(at, "%16" SCNx64 "\n%n",
					     &ret->id[ret->n], &n) == 1;
	     at += n)
		ret->n++;
	return 0;
}

static bool
gn_file_has(const struct store_generation_file *f, uint64_t id)
{
	return (f->n > 0 && f->id[0] == id) || (f->n > 1 && f->id[1] == id);
}

static int
gn_write_part(int dir_fd, const char *text, size_t len)
{
	int fd, r = 0;

	fd = openat(dir_fd, GN_PART,
		    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		    0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len)
		r = -EIO;
	else if (fsync(fd) < 0)
		r = -errno;
	close(fd);
	return r;
}

/* Replaced as a whole. 0 or -errno. */
static int
gn_file_write(int dir_fd, const struct store_generation_file *f)
{
	char text[128];
	int len = snprintf(text, sizeof(text), GN_HEAD), r;

	for (int i = 0; i < f->n; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len,
				"%016" PRIx64 "\n", f->id[i]);
	r = gn_write_part(dir_fd, text, (size_t)len);
	if (r == 0 && renameat(dir_fd, GN_PART, dir_fd, GN_FILE) < 0)
		r = -errno;
	if (r == 0 && fsync(dir_fd) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dir_fd, GN_PART, 0);
	return r;
}

/* --- the record ------------------------------------------------------------ */

int
store_generation_take(struct store_txn *txn, void *none)
{
	struct store *s = txn->store;
	struct store_rec rec;
	struct gn_value v;
	int r = store_get(txn, &gn_key, &rec);

	(void)none;
	if (r < 0)
		return r;
	if (rec.len != sizeof(v))
		return -EBADMSG;
	memcpy(&v, rec.value, sizeof(v));
	s->generation = (struct store_generation){
		.id = be64toh(v.id),
		.since_ms = (int64_t)be64toh(v.since_ms),
		.backup_ms = (int64_t)be64toh(v.backup_ms),
	};
	return 0;
}

int
store_generation_load(struct store_txn *txn)
{
	struct store *s = txn->store;
	struct store_generation_file file;
	int r = store_generation_take(txn, NULL);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = store_generation_read(s->dir_fd, &file);
	s->restored = r == 0 && !gn_file_has(&file, s->generation.id);
	return r;
}

int
store_generation_put(struct store_txn *txn, const struct store_generation *g)
{
	struct gn_value v = {htobe64(g->id), htobe64((uint64_t)g->since_ms),
			     htobe64((uint64_t)g->backup_ms)};
	struct store_rec rec = {.value = &v, .len = sizeof(v)};

	return store_put(txn, &gn_key, &rec);
}

struct store_generation
store_generation_next(const struct store *s)
{
	struct store_generation g = s->generation;

	must(getrandom(&g.id, sizeof(g.id), 0) == sizeof(g.id));
	g.since_ms = clock_wall_ms(s->conf.clock);
	return g;
}

int
store_generation_begin(struct store *s, const struct store_generation *next)
{
	struct store_generation_file both = {
		.n = 2, .id = {next->id, s->generation.id}};

	return gn_file_write(s->dir_fd, &both);
}

void
store_generation_end(struct store *s, const struct store_generation *next)
{
	struct store_generation_file one = {.n = 1, .id = {next->id}};

	s->generation = *next;
	s->restored = false;
	/* When this fails the file names the one before as well. */
	(void)gn_file_write(s->dir_fd, &one);
}

/* --- while the store thread runs -------------------------------------------- */

static int
gn_job(struct store_txn *txn, void *arg)
{
	return store_generation_put(txn, arg);
}

int
store_generation_renew(struct store *s, const struct store_generation *next)
{
	struct store_generation g = *next;
	int r = store_generation_begin(s, next);

	if (r == 0)
		r = store_run_wait(s, gn_job, &g);
	if (r == 0)
		store_generation_end(s, next);
	return r;
}

bool
store_is_restored(struct store *s, int64_t *ret_of_ms)
{
	*ret_of_ms = s->generation.since_ms;
	return s->restored;
}

int
store_adopt(struct store *s)
{
	struct store_generation next = store_generation_next(s);

	return store_generation_renew(s, &next);
}
