/*
 * A damaged store, read page by page: it is read to its end without LMDB's
 * trust, and no row is lost but those of the pages that were damaged.
 *
 * LMDB makes the store, once; the input is what happens to it:
 *
 *	damage = kind (1) page (1) offset (2) value (4)
 */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/must.h"
#include "base/xalloc.h"
#include "queue/lmdb_file.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define ROWS     400
#define BIG_LEN  3000 /* has a page of its own */
#define PAGE_LEN 4096
#define PAGES    256
#define DAMAGE   8

static struct {
	char *data; /* the file */
	size_t len;
	int fd; /* a copy in memory, to be damaged */
	char path[32];
	bool deleted[ROWS];
	/* Where it stands, also where it stood before. */
	bool page_has[ROWS][PAGES];
	/* Of this run. */
	bool touched[PAGES];
	bool given[ROWS];
	uint64_t faults;
} lf;

/* --- the store ------------------------------------------------------------------ */

static void
row_make(size_t n, char *value, size_t *ret_len)
{
	*ret_len = n % 40 == 7 ? BIG_LEN : 40 + n % 60;
	memset(value, 'a' + (int)(n % 26), *ret_len);
	snprintf(value, 20, "row %04zu of a test", n);
}

static void
put_rows(MDB_txn *txn, MDB_dbi *dbi, size_t from, size_t step, bool delete)
{
	char value[BIG_LEN], name[16];
	size_t len;

	for (size_t n = from; n < ROWS; n += step) {
		MDB_val k = {(size_t)snprintf(name, sizeof(name), "key%04zu",
					      n * 7919 % ROWS),
			     name};
		MDB_val v = {0, value};

		row_make(n, value, &len);
		v.mv_size = len;
		lf.deleted[n] = delete;
		if (delete)
			must(mdb_del(txn, dbi[n % 3], &k, NULL) == 0);
		else
			must(mdb_put(txn, dbi[n % 3], &k, &v, 0) == 0);
	}
}

/* Two transactions: there are free pages, with rows that were deleted. */
static void
make(const char *path)
{
	static const char *const tables[] = {"rec", "wait", "page"};
	MDB_dbi dbi[3];
	MDB_env *env;
	MDB_txn *txn;

	must(mdb_env_create(&env) == 0);
	must(mdb_env_set_maxdbs(env, 3) == 0);
	must(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK, 0600) == 0);
	must(mdb_txn_begin(env, NULL, 0, &txn) == 0);
	for (int i = 0; i < 3; i++)
		must(mdb_dbi_open(txn, tables[i], MDB_CREATE, &dbi[i]) == 0);
	put_rows(txn, dbi, 0, 1, false);
	must(mdb_txn_commit(txn) == 0);
	must(mdb_txn_begin(env, NULL, 0, &txn) == 0);
	put_rows(txn, dbi, 1, 5, true);
	must(mdb_txn_commit(txn) == 0);
	mdb_env_close(env);
}

static void
find_pages(size_t n)
{
	char value[BIG_LEN];
	size_t len;

	row_make(n, value, &len);
	for (size_t at = 0; at < lf.len; at += PAGE_LEN)
		lf.page_has[n][at / PAGE_LEN] =
			memmem(lf.data + at, PAGE_LEN, value, len) != NULL;
}

/* A row with a page of its own also stands, as a name and a number, in a leaf:
 * the key is found there. */
static void
find_keys(size_t n)
{
	char key[16];
	int len = snprintf(key, sizeof(key), "key%04zu", n * 7919 % ROWS);

	for (size_t at = 0; at < lf.len; at += PAGE_LEN)
		if (memmem(lf.data + at, PAGE_LEN, key, (size_t)len) != NULL)
			lf.page_has[n][at / PAGE_LEN] = true;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char path[] = "/tmp/fuzz-lmdb-XXXXXX";
	FILE *file;
	int fd = mkstemp(path);

	(void)argc;
	(void)argv;
	must(fd >= 0 && close(fd) == 0 && unlink(path) == 0);
	make(path);
	lf.data = xmalloc(PAGES * PAGE_LEN);
	file = fopen(path, "rb");
	must(file != NULL && unlink(path) == 0);
	lf.len = fread(lf.data, 1, PAGES * PAGE_LEN, file);
	must(lf.len % PAGE_LEN == 0 && lf.len < PAGES * PAGE_LEN);
	fclose(file);
	for (size_t n = 0; n < ROWS; n++) {
		find_pages(n);
		find_keys(n);
	}
	lf.fd = memfd_create("store", MFD_CLOEXEC);
	must(lf.fd >= 0);
	snprintf(lf.path, sizeof(lf.path), "/proc/self/fd/%d", lf.fd);
	return 0;
}

/* --- damage --------------------------------------------------------------------- */

/* One piece of it, to the LEN bytes at COPY; the new length. */
static size_t
damage(char *copy, size_t len, const unsigned char *d)
{
	size_t npages = len / PAGE_LEN, page, at;
	uint64_t wide = 0;
	uint32_t value;

	if (npages == 0)
		return len;
	page = d[1] % npages;
	at = page * PAGE_LEN + (size_t)(d[2] << 8 | d[3]) % (PAGE_LEN - 8);
	memcpy(&value, d + 4, sizeof(value));
	lf.touched[page] = true;
	switch (d[0] % 6) {
	case 0: /* a bit */
		copy[at] ^= (char)(1 << value % 8);
		break;
	case 1: /* a number */
		memcpy(copy + at, &value, 2);
		break;
	case 2:
		memcpy(copy + at, &value, sizeof(value));
		break;
	case 3:
		wide = value % npages;
		memcpy(copy + at, &wide, sizeof(wide));
		break;
	case 4: /* another page's content */
		memmove(copy + page * PAGE_LEN,
			copy + value % npages * PAGE_LEN, PAGE_LEN);
		break;
	case 5: /* cut off */
		for (size_t i = page; i < npages; i++)
			lf.touched[i] = true;
		return page * PAGE_LEN;
	}
	return len;
}

/* --- what is read ---------------------------------------------------------------- */

static void
row(void *arg, const char *table, enum lmdb_how how, const void *key,
    size_t key_len, const void *value, size_t len)
{
	char expected[BIG_LEN], number[5] = "";
	size_t n, n_len;

	(void)arg;
	(void)key;
	must(key_len < 512);
	must(how != LMDB_IN_TREE || table != NULL);
	if (len < 20 || memcmp(value, "row ", 4) != 0)
		return;
	memcpy(number, (const char *)value + 4, 4);
	n = strtoul(number, NULL, 10);
	if (n >= ROWS)
		return;
	row_make(n, expected, &n_len);
	if (len == n_len && memcmp(value, expected, len) == 0)
		lf.given[n] = true;
}

static void
fault(void *arg, const char *text)
{
	(void)arg;
	must(text[0] != '\0');
	lf.faults++;
}

/* One whose pages are whole is there, however it was found. */
static void
check_rows(void)
{
	for (size_t n = 0; n < ROWS; n++) {
		bool whole = !lf.deleted[n];

		for (size_t i = 0; whole && i < lf.len / PAGE_LEN; i++)
			whole = !(lf.page_has[n][i] && lf.touched[i]);
		if (whole && !lf.given[n]) {
			fprintf(stderr, "row %zu is lost\n", n);
			abort();
		}
	}
}

static void
read_it(bool whole)
{
	const struct lmdb_visitor v = {.row = row, .fault = fault};
	struct lmdb_file *f;

	lf.faults = 0;
	memset(lf.given, 0, sizeof(lf.given));
	if (lmdb_file_open(lf.path, &v, &f) < 0) {
		must(lf.touched[0] && lf.touched[1]);
		return;
	}
	must(lmdb_file_walk(f) == lf.faults);
	if (whole) {
		must(lf.faults == 0);
		check_rows();
		for (size_t n = 0; n < ROWS; n++)
			must(lf.given[n] == !lf.deleted[n]);
	}
	lmdb_file_scan(f);
	lmdb_file_close(&f);
	/* Without either meta page not even the size of a page is known. */
	if (!lf.touched[0] || !lf.touched[1])
		check_rows();
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	static char copy[PAGES * PAGE_LEN];
	size_t copy_len = lf.len;

	memcpy(copy, lf.data, lf.len);
	memset(lf.touched, 0, sizeof(lf.touched));
	for (size_t i = 0; i + 8 <= len && i < 8 * DAMAGE; i += 8)
		copy_len = damage(copy, copy_len, data + i);
	must(ftruncate(lf.fd, 0) == 0);
	must(pwrite(lf.fd, copy, copy_len, 0) == (ssize_t)copy_len);
	read_it(copy_len == lf.len && memcmp(copy, lf.data, lf.len) == 0);
	return 0;
}
