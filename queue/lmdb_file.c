#include "queue/lmdb_file.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "queue/lmdb_file_impl.h"

void
lf_fault(struct lmdb_file *f, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	f->faults++;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f->v.fault(f->v.arg, text);
}

/* --- pages ----------------------------------------------------------------- */

bool
lf_bit(const uint8_t *map, uint64_t n)
{
	return map[n / 8] >> (n % 8) & 1;
}

bool
lf_set(uint8_t *map, uint64_t n)
{
	bool was = lf_bit(map, n);

	map[n / 8] |= (uint8_t)(1u << (n % 8));
	return was;
}

int
lf_read(const struct lmdb_file *f, uint64_t n, void *buf)
{
	ssize_t len = pread(f->fd, buf, f->psize, (off_t)(n * f->psize));

	if (len < 0)
		return -errno;
	return (size_t)len == f->psize ? 0 : -EIO;
}

struct lf_page
lf_head(const uint8_t *page)
{
	struct lf_page h;

	memcpy(&h, page, sizeof(h));
	return h;
}

size_t
lf_nkeys(const struct lf_page *h)
{
	return (size_t)(h->lower - LF_HEAD) / 2;
}

bool
lf_head_ok(const struct lmdb_file *f, const struct lf_page *h)
{
	return h->lower >= LF_HEAD && h->lower <= h->upper &&
	       h->upper <= f->psize && h->lower % 2 == 0;
}

bool
lf_node_at(const struct lmdb_file *f, const uint8_t *page, size_t at,
	   bool branch, struct lf_node *ret)
{
	uint16_t v[4];
	uint32_t lo, hi;

	if (at % 2 != 0 || at < LF_HEAD || at + LF_NODE > f->psize)
		return false;
	memcpy(v, page + at, sizeof(v));
	lo = v[BYTE_ORDER == LITTLE_ENDIAN ? 0 : 1];
	hi = v[BYTE_ORDER == LITTLE_ENDIAN ? 1 : 0];
	*ret = (struct lf_node){
		.child = (uint64_t)v[2] << 32 | hi << 16 | lo,
		.size = (size_t)hi << 16 | lo,
		.flags = v[2],
		.key = page + at + LF_NODE,
		.key_len = v[3],
	};
	ret->data = ret->key + ret->key_len;
	if (ret->key_len > LF_KEY_MAX || at + LF_NODE + ret->key_len > f->psize)
		return false;
	if (branch)
		return true;
	if (ret->flags & LF_BIG)
		return at + LF_NODE + ret->key_len + 8 <= f->psize;
	return ret->size <= f->psize - at - LF_NODE - ret->key_len;
}

bool
lf_node(const struct lmdb_file *f, const uint8_t *page, size_t i, bool branch,
	struct lf_node *ret)
{
	struct lf_page h = lf_head(page);
	uint16_t at;

	memcpy(&at, page + LF_HEAD + 2 * i, sizeof(at));
	return at >= h.upper && lf_node_at(f, page, at, branch, ret);
}

/* --- opened ---------------------------------------------------------------- */

static bool
lf_tree_ok(const struct lf_tree *t, uint64_t last_page)
{
	return t->depth <= LF_DEPTH &&
	       (t->root == LF_NONE || (t->root >= 2 && t->root <= last_page));
}

static bool
lf_meta_ok(const struct lf_meta *m, const struct lf_page *h, uint64_t at)
{
	uint32_t psize = m->free.pad;

	return h->number == at && h->flags == LF_META && m->magic == LF_MAGIC &&
	       m->version == LF_VERSION && psize >= LF_PAGE_MIN &&
	       psize <= LF_PAGE_MAX && (psize & (psize - 1)) == 0 &&
	       (m->txn & 1) == (m->txn ? at : 0) &&
	       lf_tree_ok(&m->free, m->last_page) &&
	       lf_tree_ok(&m->names, m->last_page);
}

/* Page AT of PSIZE bytes. */
static bool
lf_read_meta(struct lmdb_file *f, uint64_t at, size_t psize,
	     struct lf_meta *ret)
{
	uint8_t bytes[LF_HEAD + sizeof(*ret)];
	struct lf_page h;

	if (pread(f->fd, bytes, sizeof(bytes), (off_t)(at * psize)) !=
	    (ssize_t)sizeof(bytes))
		return false;
	h = lf_head(bytes);
	memcpy(ret, bytes + LF_HEAD, sizeof(*ret));
	return lf_meta_ok(ret, &h, at);
}

/* The second one lies where its own page size says; false: nowhere. The first
 * one's word for that may be what is damaged. */
static bool
lf_find_second(struct lmdb_file *f, struct lf_meta *ret)
{
	for (size_t psize = LF_PAGE_MIN; psize <= LF_PAGE_MAX; psize *= 2)
		if (lf_read_meta(f, 1, psize, ret) && ret->free.pad == psize)
			return true;
	return false;
}

/* The newer one that makes sense. One commit lies between the two: any other
 * distance means that one of them is not what it was. */
static int
lf_choose_meta(struct lmdb_file *f)
{
	struct lf_meta m[2];
	bool ok[2];

	ok[1] = lf_find_second(f, &m[1]);
	ok[0] = lf_read_meta(f, 0, 0, &m[0]) &&
		(!ok[1] || m[0].free.pad == m[1].free.pad);
	if (!ok[0] && !ok[1])
		return -EPROTONOSUPPORT;
	for (int i = 0; i < 2; i++)
		if (!ok[i])
			lf_fault(f, "meta page %d is damaged", i);
	if (ok[0] && ok[1] &&
	    (m[0].txn > m[1].txn ? m[0].txn - m[1].txn : m[1].txn - m[0].txn) >
		    1)
		lf_fault(f,
			 "the meta pages are %" PRIu64 " and %" PRIu64
			 ", not one commit apart",
			 m[0].txn, m[1].txn);
	f->doubtful = f->faults > 0;
	f->meta = ok[1] && (!ok[0] || m[1].txn > m[0].txn) ? m[1] : m[0];
	f->psize = f->meta.free.pad;
	return 0;
}

static int
lf_open(struct lmdb_file *f, const char *path)
{
	struct stat st;
	int r;

	f->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (f->fd < 0 || fstat(f->fd, &st) < 0)
		return -errno;
	r = lf_choose_meta(f);
	if (r < 0)
		return r;
	/* Pages that were given out and back in one transaction may never have
	 * been written; a tree that leads to one is a fault then. */
	f->pages = (uint64_t)st.st_size / f->psize;
	if (f->meta.last_page >= f->pages + LF_UNWRITTEN)
		lf_fault(f,
			 "the last page is %" PRIu64
			 ", and the file has %" PRIu64,
			 f->meta.last_page, f->pages);
	f->seen = xcalloc(f->pages / 8 + 1, 1);
	f->is_free = xcalloc(f->pages / 8 + 1, 1);
	f->page = xmalloc(f->psize);
	f->big = xmalloc(f->psize);
	return 0;
}

int
lmdb_file_open(const char *path, const struct lmdb_visitor *v,
	       struct lmdb_file **ret_file)
{
	struct lmdb_file *f = xcalloc(1, sizeof(*f));
	int r;

	f->fd = -1;
	f->v = *v;
	r = lf_open(f, path);
	if (r < 0)
		lmdb_file_close(&f);
	else
		*ret_file = f;
	return r;
}

void
lmdb_file_close(struct lmdb_file **file)
{
	struct lmdb_file *f = *file;

	*file = NULL;
	if (f == NULL)
		return;
	if (f->fd >= 0)
		close(f->fd);
	free(f->seen);
	free(f->is_free);
	free(f->page);
	free(f->big);
	free(f);
}
