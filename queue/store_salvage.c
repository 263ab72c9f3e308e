/*
 * store_salvage - what can be read of a store, into a new one.
 *
 *	1. every row of the trees, then of pages that no tree leads to: those
 *	   whose checksum is right are put; of two states of a record the newer
 *	   stays. Wait rows are not read: the records say where they wait.
 *	2. messages that are not whole are set aside, so that a person sees them
 *	   and nothing damaged leaves.
 *	3. contents that belong to nothing become files in NEWDIR/lost.
 *	4. what a start needs: schema, counters above all that was read,
 *	   generation.
 *
 * Where it can't be told whether a row had been deleted, it is kept, and the
 * new store starts paused: rather twice than never, but a person decides.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "queue/queue_impl.h"
#include "queue/store_impl.h"
#include "queue/store_offline_impl.h"

#define SV_BATCH    (16 << 20)
#define SV_LINES    1000
#define SV_PAGE_KEY (8 + 4)
#define SV_VERSION  (UINT64_C(1) << 20) /* above what was read */

struct salvage {
	const char *dir, *new_dir;
	struct store_salvaged *told;
	store_say_fn *say;
	void *arg;
	int error; /* the first */
	struct store *to;
	struct store_txn txn;
	bool in_txn;
	size_t bytes;         /* of the batch */
	uint64_t version, id; /* the highest that were seen */
	uint64_t lines;
	bool same; /* the file beside DIR knows its generation */
	struct store_generation generation;
};

static void __attribute__((format(printf, 2, 3)))
sv_say(struct salvage *x, const char *fmt, ...)
{
	char text[320];
	va_list ap;

	if (x->lines++ == SV_LINES)
		x->say(x->arg, "... and more");
	if (x->lines > SV_LINES)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	x->say(x->arg, text);
}

/* --- writing --------------------------------------------------------------- */

static int
sv_note(struct salvage *x, int r)
{
	if (r < 0 && x->error == 0)
		x->error = r;
	return r;
}

static void
sv_begin(struct salvage *x)
{
	if (x->error == 0 && !x->in_txn)
		x->in_txn =
			sv_note(x, store_txn_begin(x->to, true, &x->txn)) == 0;
}

static void
sv_commit(struct salvage *x)
{
	if (!x->in_txn)
		return;
	x->in_txn = false;
	x->bytes = 0;
	if (x->error < 0)
		store_txn_abort(&x->txn);
	else
		sv_note(x, store_txn_commit(&x->txn));
}

/* Room for one more row of LEN bytes in the batch; false after an error. */
static bool
sv_ready(struct salvage *x, size_t len)
{
	x->bytes += len + 64;
	if (x->bytes > SV_BATCH)
		sv_commit(x);
	sv_begin(x);
	return x->error == 0;
}

static void
sv_put(struct salvage *x, const struct store_key *key, struct store_rec *rec)
{
	if (!sv_ready(x, rec->len))
		return;
	x->to->version = rec->version - 1; /* it keeps its own */
	sv_note(x, store_put(&x->txn, key, rec));
}

/* --- 1: the rows ----------------------------------------------------------- */

static void
sv_fault(void *arg, const char *text)
{
	struct salvage *x = arg;

	x->told->faults++;
	sv_say(x, "%s", text);
}

static void
sv_seen(struct salvage *x, const struct store_key *key,
	const struct store_rec *rec)
{
	uint64_t id;
	uint32_t n;

	if (rec->version > x->version)
		x->version = rec->version;
	if (key_message_parse(key, &id, &n) && id > x->id)
		x->id = id;
	if (rec->blob > x->id)
		x->id = rec->blob;
}

/* True: it is a record. */
static bool
sv_rec(struct salvage *x, enum lmdb_how how, const void *bytes, size_t key_len,
       const void *value, size_t len)
{
	struct store_row row;
	struct store_key key;
	struct store_rec rec, old;
	int r;

	if (store_row_parse_rec(bytes, key_len, &key) < 0)
		return false;
	store_row_rec(&key, &row);
	if (store_rec_decode(&row, value, len, &rec) < 0)
		return false;
	if (!sv_ready(x, len))
		return true;
	r = store_get(&x->txn, &key, &old);
	if (r == 0 && old.version >= rec.version)
		return true;
	sv_seen(x, &key, &rec);
	sv_put(x, &key, &rec);
	x->told->doubtful = x->told->doubtful || how == LMDB_MAYBE;
	return true;
}

static bool
sv_page(struct salvage *x, const void *bytes, size_t key_len, const void *value,
	size_t len)
{
	struct store_row row = {.len = SV_PAGE_KEY};
	uint64_t blob;
	uint32_t n;
	size_t size;

	if (key_len != row.len)
		return false;
	memcpy(row.bytes, bytes, key_len);
	if (store_page_decode(&row, value, len, &size) < 0)
		return false;
	memcpy(&blob, bytes, sizeof(blob));
	memcpy(&n, (const uint8_t *)bytes + sizeof(blob), sizeof(n));
	if (sv_ready(x, len))
		sv_note(x, store_page_put(&x->txn, be64toh(blob), be32toh(n),
					  value, size));
	if (be64toh(blob) > x->id)
		x->id = be64toh(blob);
	return true;
}

static void
sv_unreadable(struct salvage *x, const char *table, const void *bytes,
	      size_t key_len)
{
	char text[STORE_KEY_TEXT_MAX], id[QUEUE_ID_LEN];
	struct store_key key;
	uint64_t blob;

	x->told->unreadable++;
	if (strcmp(table, "page") == 0 && key_len == SV_PAGE_KEY) {
		memcpy(&blob, bytes, sizeof(blob));
		queue_id_text(be64toh(blob), id);
		sv_say(x, "a page of the content of %s: the checksum is wrong",
		       id);
	} else if (store_row_parse_rec(bytes, key_len, &key) == 0) {
		store_key_text(&key, text);
		sv_say(x, "%s: the checksum is wrong", text);
	}
}

static void
sv_row(void *arg, const char *table, enum lmdb_how how, const void *key,
       size_t key_len, const void *value, size_t len)
{
	struct salvage *x = arg;
	bool page_first;

	if (len == 0) /* it waits: the record says so too */
		return;
	/* Both have their checksum alike: what is likelier comes first. */
	page_first = table != NULL ? strcmp(table, "page") == 0
				   : key_len == SV_PAGE_KEY;
	if (page_first && sv_page(x, key, key_len, value, len))
		return;
	if (sv_rec(x, how, key, key_len, value, len))
		return;
	if (!page_first && sv_page(x, key, key_len, value, len))
		return;
	if (how == LMDB_IN_TREE)
		sv_unreadable(x, table, key, key_len);
}

static int
sv_read(struct salvage *x)
{
	const struct lmdb_visitor visitor = {
		.row = sv_row, .fault = sv_fault, .arg = x};
	char *path = xasprintf("%s/data.mdb", x->dir);
	struct lmdb_file *file;
	int r = lmdb_file_open(path, &visitor, &file);

	free(path);
	if (r < 0) {
		x->told->new_failed = false;
		return r;
	}
	if (lmdb_file_walk(file) > 0)
		lmdb_file_scan(file);
	lmdb_file_close(&file);
	sv_commit(x);
	return x->error;
}

/* --- 2: messages that are not whole ---------------------------------------- */

static bool
sv_has_content(struct salvage *x, const struct store_rec *rec)
{
	char page[STORE_PAGE_MAX];
	size_t len;

	for (uint32_t n = 0; n < rec->pages; n++)
		if (store_page_get(&x->txn, rec->blob, n, page, &len) < 0)
			return false;
	return true;
}

/* The message, or a recipient of one that is set aside. */
static void
sv_set_aside(struct salvage *x, const struct store_key *key, uint32_t n,
	     struct store_rec *rec)
{
	struct arena a;
	struct buf value;
	struct message m;
	struct rcpt rcpt;
	int r = -EBADMSG;

	arena_init(&a);
	buf_init(&value, STORE_VALUE_MAX);
	if (n == 0 && message_decode(rec->value, rec->len, &a, &m) == 0) {
		m.flags |= MESSAGE_CORRUPT | MESSAGE_FAILED;
		/* Whoever published it hears of that, at once. */
		m.tell_ms = m.teller != 'm';
		rec->place = message_place(&m);
		r = message_encode(&m, &value);
	} else if (n > 0 && rcpt_decode(rec->value, rec->len, &a, &rcpt) == 0) {
		rcpt.state = RCPT_ASIDE;
		rec->place = store_place_none();
		r = rcpt_encode(&rcpt, &value);
	}
	if (r == 0) {
		rec->value = value.data;
		rec->len = value.len;
		rec->version = ++x->version;
		sv_put(x, key, rec);
	}
	buf_done(&value);
	arena_done(&a);
}

struct sv_current {
	uint64_t id;
	bool known, aside; /* ASIDE: so are its recipients */
};

/* Has it recipients, or something to say without? What has neither would never
 * end. */
static bool
sv_has_purpose(struct salvage *x, uint64_t id, const struct store_rec *rec)
{
	struct store_key key = key_message(id, 1), found;
	struct store_rec of_rcpt;
	struct message m;
	struct arena a;
	uint64_t of;
	uint32_t n;
	int r;

	arena_init(&a);
	r = message_decode(rec->value, rec->len, &a, &m);
	arena_done(&a);
	if (r == 0 && (m.tell_ms > 0 || (m.flags & MESSAGE_KEPT)))
		return true;
	return store_next(&x->txn, &key, &found, &of_rcpt) > 0 &&
	       key_message_parse(&found, &of, &n) && of == id;
}

/* What is wrong with it; NULL: nothing. */
static const char *
sv_judge_message(struct salvage *x, uint64_t id, uint32_t n,
		 const struct store_rec *rec)
{
	if (n > 0)
		return "its own record is lost";
	if (!sv_has_content(x, rec))
		return "its content is not whole";
	return sv_has_purpose(x, id, rec) ? NULL : "its recipients are lost";
}

static void
sv_check_message(struct salvage *x, struct sv_current *now, uint64_t id,
		 uint32_t n, const struct store_rec *rec)
{
	char text[QUEUE_ID_LEN];
	const char *wrong;

	if (now->known && now->id == id)
		return;
	wrong = sv_judge_message(x, id, n, rec);
	*now = (struct sv_current){
		.id = id, .known = true, .aside = wrong != NULL};
	queue_id_text(id, text);
	if (!now->aside) {
		x->told->messages++;
		return;
	}
	x->told->set_aside++;
	sv_say(x, "message %s is set aside: %s", text, wrong);
}

static void
sv_check_all(struct salvage *x)
{
	struct sv_current now = {0};
	struct store_key from = {.kind = 'm'}, key;
	struct store_rec rec;
	uint64_t id;
	uint32_t n;

	while (sv_ready(x, 0) && store_next(&x->txn, &from, &key, &rec) > 0) {
		from = key;
		from.bytes[from.len++] = 0; /* the next possible */
		if (!key_message_parse(&key, &id, &n))
			continue;
		sv_check_message(x, &now, id, n, &rec);
		if (now.aside)
			sv_set_aside(x, &key, n, &rec);
	}
	sv_commit(x);
}

/* --- 3: contents that belong to nothing ------------------------------------ */

static bool
sv_is_owned(struct salvage *x, uint64_t blob)
{
	struct store_key key = key_blob(blob), found;
	struct store_rec rec;
	uint64_t id;
	uint32_t n;

	if (store_get(&x->txn, &key, &rec) == 0)
		return true;
	key = key_message(blob, 0);
	return store_next(&x->txn, &key, &found, &rec) > 0 &&
	       key_message_parse(&found, &id, &n) && id == blob;
}

static int
sv_lost_file(struct salvage *x, uint64_t blob)
{
	char id[QUEUE_ID_LEN];
	char *dir = xasprintf("%s/lost", x->new_dir), *path;
	int fd;

	queue_id_text(blob, id);
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		sv_note(x, -errno);
	path = xasprintf("%s/%s.eml", dir, id);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		sv_note(x, -errno);
	free(path);
	free(dir);
	return fd;
}

static int
sv_write(int fd, const char *data, size_t len)
{
	ssize_t n = write(fd, data, len);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -ENOSPC; /* less: no more fits */
}

/* Out of the store, into a file; pages that are missing are missing there. */
static void
sv_move_out(struct salvage *x, uint64_t blob)
{
	int fd = sv_lost_file(x, blob);
	struct engine_bytes key, value;
	char page[STORE_PAGE_MAX];
	struct store_row row;
	uint32_t n = 0;
	size_t len;

	x->told->lost++;
	while (fd >= 0 && sv_ready(x, 0)) {
		store_row_page(blob, n, &row);
		if (engine_seek(x->txn.engine_txn, ENGINE_PAGE, row.bytes,
				row.len, &key, &value) < 0 ||
		    key.len != row.len || memcmp(key.data, row.bytes, 8) != 0)
			break;
		memcpy(&n, (const uint8_t *)key.data + 8, sizeof(n));
		n = be32toh(n);
		if (store_page_get(&x->txn, blob, n, page, &len) == 0)
			sv_note(x, sv_write(fd, page, len));
		sv_note(x, store_page_del(&x->txn, blob, n));
	}
	if (fd >= 0 && (fsync(fd) < 0 || close(fd) < 0))
		sv_note(x, -errno);
}

static void
sv_move_lost(struct salvage *x)
{
	struct engine_bytes key, value;
	struct store_row row;
	uint64_t blob = 0;

	for (; sv_ready(x, 0); blob++) {
		store_row_page(blob, 0, &row);
		if (engine_seek(x->txn.engine_txn, ENGINE_PAGE, row.bytes,
				row.len, &key, &value) < 0)
			break;
		memcpy(&blob, key.data, sizeof(blob));
		blob = be64toh(blob);
		if (!sv_is_owned(x, blob))
			sv_move_out(x, blob);
	}
	sv_commit(x);
}

/* --- 4: what a start needs -------------------------------------------------- */

/* Is DIR what was there last? Else the new one is not, either. */
static void
sv_look_at_generation(struct salvage *x)
{
	struct store_generation_file file;
	int fd = open(x->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	/* Unreadable: it may be, so a person decides. */
	if (store_generation_read(fd, &file) < 0)
		file = (struct store_generation_file){0};
	close(fd);
	x->same = file.exists;
	for (int i = 0; i < file.n; i++)
		if (x->generation.id == file.id[i])
			return;
	if (x->generation.id != 0)
		x->same = false;
}

static const char sv_why[] =
	"salvaged: what was delivered may be there again; `belfry queue "
	"remove` drops, `belfry resume` delivers what is left";

static void
sv_finish(struct salvage *x)
{
	struct store *to = x->to;
	struct store_generation next;

	(void)store_read_offline(to, store_generation_take, NULL);
	x->generation = to->generation;
	sv_look_at_generation(x);
	to->version = x->version + SV_VERSION;
	to->last_id = x->id;
	next = store_generation_next(to);
	sv_begin(x);
	if (x->error == 0)
		sv_note(x, store_counters_keep(&x->txn, true));
	if (x->error == 0)
		sv_note(x, store_schema_put(&x->txn));
	if (x->error == 0 && x->told->doubtful)
		sv_note(x,
			pause_put_until_resumed(&x->txn, sv_why,
						clock_wall_ms(to->conf.clock)));
	/* Known as the store of its folder, unless it came from a backup. */
	if (x->error == 0 && x->same) {
		sv_note(x, store_generation_begin(to, &next));
		if (x->error == 0)
			sv_note(x, store_generation_put(&x->txn, &next));
	}
	sv_commit(x);
	if (x->error == 0 && x->same)
		store_generation_end(to, &next);
}

/* --- all of it ------------------------------------------------------------- */

static int
sv_open_new(struct salvage *x)
{
	struct engine *engine;
	char *path = xasprintf("%s/data.mdb", x->dir);
	struct stat st;
	int r = stat(path, &st) < 0 ? -errno : 0;

	free(path);
	x->told->new_failed = r == 0; /* from here on */
	if (r == 0)
		r = store_make_empty_dir(x->new_dir);
	x->told->made = r == 0;
	/* Rows can't become more, but pages may be fuller there. */
	if (r == 0)
		r = engine_open(x->new_dir,
				2 * (uint64_t)st.st_size + (64 << 20), &engine);
	if (r < 0)
		return r;
	x->to = store_offline_new(engine);
	x->to->dir_fd = open(x->new_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return x->to->dir_fd < 0 ? -errno : 0;
}

int
store_salvage(const char *dir, const char *new_dir, store_say_fn *say,
	      void *arg, struct store_salvaged *ret)
{
	struct salvage x = {.dir = dir,
			    .new_dir = new_dir,
			    .told = ret,
			    .say = say,
			    .arg = arg};
	int fd, r = store_offline_lock(dir, &fd);

	if (r < 0)
		return r;
	*ret = (struct store_salvaged){0};
	r = sv_open_new(&x);
	if (r == 0)
		r = sv_read(&x);
	if (r == 0) {
		sv_check_all(&x);
		sv_move_lost(&x);
		sv_finish(&x);
		r = x.error;
	}
	sv_commit(&x);
	store_close_offline(&x.to);
	if (r == 0)
		r = salvage_give(x.new_dir, x.dir, x.told->lost > 0);
	if (fd >= 0)
		close(fd);
	return r;
}
