/*
 * lmdb_walk - from the roots to every row, and then through what no root leads
 * to.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "queue/lmdb_file_impl.h"

struct lf_bytes {
	const uint8_t *data; /* NULL: no bound */
	size_t len;
};

/* A tree that is being walked. */
struct lf_walk {
	struct lmdb_file *f;
	const char *name;
	bool numbers; /* keys are numbers of this machine */
	void (*leaf)(struct lf_walk *w, const struct lf_node *node);
	bool maybe; /* below a page that is said to be free */
	uint64_t branches, leaves, overflows, entries;
	uint8_t *level[LF_DEPTH]; /* owned; a page each */
};

static int
lf_compare(const struct lf_walk *w, const struct lf_bytes *a,
	   const struct lf_bytes *b)
{
	size_t n = a->len < b->len ? a->len : b->len;
	uint64_t x, y;
	int c;

	if (w->numbers && a->len == sizeof(x) && b->len == sizeof(y)) {
		memcpy(&x, a->data, sizeof(x));
		memcpy(&y, b->data, sizeof(y));
		return x < y ? -1 : x > y;
	}
	c = n > 0 ? memcmp(a->data, b->data, n) : 0;
	if (c != 0)
		return c;
	return a->len < b->len ? -1 : a->len > b->len;
}

/* --- what is left of a damaged page -------------------------------------- */

/* A value with a page of its own; no value of ours has more than one. NULL: it
 * can't be read. */
static const uint8_t *
lf_own_page(struct lmdb_file *f, const struct lf_node *node, uint64_t *ret_n)
{
	memcpy(ret_n, node->data, sizeof(*ret_n));
	if (*ret_n < 2 || *ret_n >= f->pages ||
	    node->size > f->psize - LF_HEAD || lf_read(f, *ret_n, f->big) < 0)
		return NULL;
	return f->big + LF_HEAD;
}

static void
lf_give(struct lmdb_file *f, const char *table, enum lmdb_how how,
	const struct lf_node *node)
{
	const uint8_t *data = node->data;
	uint64_t n;

	if (node->flags == LF_BIG)
		data = lf_own_page(f, node, &n);
	else if (node->flags != 0)
		return;
	if (f->v.row != NULL && data != NULL)
		f->v.row(f->v.arg, table, how, node->key, node->key_len, data,
			 node->size);
}

/* Whatever could be a node: the rows have checksums of their own. */
static void
lf_comb(struct lmdb_file *f, const uint8_t *page)
{
	struct lf_node node;

	for (size_t at = LF_HEAD; at + LF_NODE < f->psize; at += 2)
		if (lf_node_at(f, page, at, false, &node) && node.key_len > 0)
			lf_give(f, NULL, LMDB_MAYBE, &node);
}

/* --- a tree ------------------------------------------------------------------ */

/* Nodes lie side by side from the upper bound to the page's end: what takes
 * more or less room is not all that was there. */
static size_t
lf_node_room(const struct lf_node *node, bool branch)
{
	size_t len = LF_NODE + node->key_len;

	if (!branch)
		len += node->flags & LF_BIG ? 8 : node->size;
	return len + len % 2;
}

static void lf_walk_page(struct lf_walk *w, uint64_t n, int depth,
			 struct lf_bytes low, struct lf_bytes high);

static void
lf_walk_leaf(struct lf_walk *w, uint64_t n, const uint8_t *page,
	     struct lf_bytes low, struct lf_bytes high)
{
	struct lf_page h = lf_head(page);
	struct lf_bytes last = {0};
	bool whole = true;
	size_t room = 0;

	w->leaves++;
	for (size_t i = 0; i < lf_nkeys(&h); i++) {
		struct lf_bytes key;
		struct lf_node node;

		if (!lf_node(w->f, page, i, false, &node)) {
			whole = false;
			continue;
		}
		key = (struct lf_bytes){node.key, node.key_len};
		if ((last.data != NULL && lf_compare(w, &last, &key) >= 0) ||
		    (low.data != NULL && lf_compare(w, &key, &low) < 0) ||
		    (high.data != NULL && lf_compare(w, &key, &high) >= 0))
			whole = false;
		last = key;
		room += lf_node_room(&node, false);
		w->entries++;
		w->leaf(w, &node);
	}
	if (whole && room == w->f->psize - h.upper)
		return;
	lf_fault(w->f, "%s: leaf page %" PRIu64 ": rows out of order or bounds",
		 w->name, n);
	lf_comb(w->f, page);
}

static void
lf_walk_child(struct lf_walk *w, uint64_t n, int depth, struct lf_bytes low,
	      struct lf_bytes high)
{
	bool maybe = w->maybe;

	lf_walk_page(w, n, depth, low, high);
	w->maybe = maybe; /* of that child only */
}

static void
lf_walk_branch(struct lf_walk *w, uint64_t n, const uint8_t *page, int depth,
	       struct lf_bytes low, struct lf_bytes high)
{
	struct lf_page h = lf_head(page);
	size_t nkeys = lf_nkeys(&h);
	struct lf_node node, next = {0};
	bool ok, next_ok;
	size_t room = 0;

	w->branches++;
	if (nkeys < 2)
		lf_fault(w->f, "%s: branch page %" PRIu64 ": %zu children",
			 w->name, n, nkeys);
	next_ok = nkeys > 0 && lf_node(w->f, page, 0, true, &next);
	for (size_t i = 0; i < nkeys; i++) {
		/* The first one's key stands for "from the begin". */
		struct lf_bytes from = low, to = high;

		node = next;
		ok = next_ok;
		next_ok = i + 1 < nkeys &&
			  lf_node(w->f, page, i + 1, true, &next);
		if (!ok) {
			lf_fault(w->f,
				 "%s: branch page %" PRIu64 ": child %zu "
				 "can't be read",
				 w->name, n, i);
			continue;
		}
		room += lf_node_room(&node, true);
		if (i > 0)
			from = (struct lf_bytes){node.key, node.key_len};
		if (next_ok)
			to = (struct lf_bytes){next.key, next.key_len};
		lf_walk_child(w, node.child, depth + 1, from, to);
	}
	if (room != w->f->psize - h.upper)
		lf_fault(w->f, "%s: branch page %" PRIu64 ": not whole",
			 w->name, n);
}

/* False: it is no page of a tree. What looks wrong and can be read is read all
 * the same. */
static bool
lf_may_be(struct lf_walk *w, uint64_t n, int depth)
{
	struct lmdb_file *f = w->f;

	if (depth >= LF_DEPTH || n < 2 || n >= f->pages) {
		lf_fault(f, "%s: it leads to page %" PRIu64 ", which is none",
			 w->name, n);
		return false;
	}
	if (n > f->meta.last_page) {
		lf_fault(f, "%s: page %" PRIu64 " is behind the last", w->name,
			 n);
		f->doubtful = true;
	}
	if (lf_bit(f->is_free, n)) {
		lf_fault(f, "%s: page %" PRIu64 " is in use, and free", w->name,
			 n);
		w->maybe = true;
	}
	return true;
}

static void
lf_walk_page(struct lf_walk *w, uint64_t n, int depth, struct lf_bytes low,
	     struct lf_bytes high)
{
	struct lmdb_file *f = w->f;
	struct lf_page h;
	uint8_t *page;
	bool again;
	int r;

	if (!lf_may_be(w, n, depth))
		return;
	again = lf_set(f->seen, n);
	if (again)
		lf_fault(f, "%s: page %" PRIu64 " is used twice", w->name, n);
	if (w->level[depth] == NULL)
		w->level[depth] = xmalloc(f->psize);
	page = w->level[depth];
	r = lf_read(f, n, page);
	if (r < 0) {
		lf_fault(f, "%s: page %" PRIu64 ": %s", w->name, n,
			 strerror(-r));
		return;
	}
	h = lf_head(page);
	if (h.number != n)
		lf_fault(f, "%s: page %" PRIu64 " says that it is %" PRIu64,
			 w->name, n, h.number);
	if (lf_head_ok(f, &h) && h.flags == LF_LEAF) {
		lf_walk_leaf(w, n, page, low, high);
	} else if (lf_head_ok(f, &h) && h.flags == LF_BRANCH) {
		if (!again) /* else there might be no end */
			lf_walk_branch(w, n, page, depth, low, high);
	} else {
		lf_fault(f, "%s: page %" PRIu64 ": its head is damaged",
			 w->name, n);
		lf_comb(f, page);
	}
}

static void
lf_walk_tree(struct lf_walk *w, const struct lf_tree *tree)
{
	const struct lf_bytes none = {0};

	if (tree->root != LF_NONE)
		lf_walk_page(w, tree->root, 0, none, none);
	for (int i = 0; i < LF_DEPTH; i++)
		free(w->level[i]);
	if (w->entries != tree->entries || w->leaves != tree->leaves ||
	    w->branches != tree->branches || w->overflows != tree->overflows)
		lf_fault(w->f,
			 "%s: %" PRIu64 " rows in %" PRIu64 " pages, and there "
			 "should be %" PRIu64 " in %" PRIu64,
			 w->name, w->entries, w->leaves + w->branches,
			 tree->entries, tree->leaves + tree->branches);
}

/* --- what is free ---------------------------------------------------------- */

static void
lf_free_page(struct lmdb_file *f, uint64_t n)
{
	if (n < 2 || n >= f->pages)
		lf_fault(f, "free pages: %" PRIu64 " is none", n);
	else if (lf_set(f->is_free, n))
		lf_fault(f, "free pages: %" PRIu64 " is free twice", n);
}

/* COUNT and the numbers, in SIZE bytes at DATA. */
static void
lf_free_list(struct lmdb_file *f, const uint8_t *data, size_t size)
{
	uint64_t count = 0, n;

	if (size >= sizeof(count))
		memcpy(&count, data, sizeof(count));
	if (size < sizeof(count) || count > size / sizeof(n) - 1) {
		lf_fault(f, "free pages: a list that is longer than its row");
		return;
	}
	for (uint64_t i = 1; i <= count; i++) {
		memcpy(&n, data + i * sizeof(n), sizeof(n));
		lf_free_page(f, n);
	}
}

/* A list that has pages of its own: SIZE bytes from page N on. */
static void
lf_free_big(struct lmdb_file *f, uint64_t n, size_t size)
{
	uint64_t pages = (LF_HEAD + size + f->psize - 1) / f->psize;
	uint8_t *data;
	ssize_t len;

	if (n < 2 || n >= f->pages || pages > f->pages - n) {
		lf_fault(f, "free pages: a list outside of the file");
		return;
	}
	for (uint64_t i = 0; i < pages; i++)
		if (lf_set(f->seen, n + i))
			lf_fault(f,
				 "free pages: page %" PRIu64 " is used twice",
				 n + i);
	data = xmalloc(LF_HEAD + size);
	len = pread(f->fd, data, LF_HEAD + size, (off_t)(n * f->psize));
	if (len == (ssize_t)(LF_HEAD + size) &&
	    lf_head(data).flags == LF_OVERFLOW)
		lf_free_list(f, data + LF_HEAD, size);
	else
		lf_fault(f,
			 "free pages: the list in page %" PRIu64
			 " can't be read",
			 n);
	free(data);
}

static void
lf_free_leaf(struct lf_walk *w, const struct lf_node *node)
{
	uint64_t n;

	if (!(node->flags & LF_BIG)) {
		lf_free_list(w->f, node->data, node->size);
		return;
	}
	w->overflows += (LF_HEAD + node->size + w->f->psize - 1) / w->f->psize;
	memcpy(&n, node->data, sizeof(n));
	lf_free_big(w->f, n, node->size);
}

/* --- the tables ------------------------------------------------------------ */

static void
lf_names_leaf(struct lf_walk *w, const struct lf_node *node)
{
	struct lmdb_file *f = w->f;

	if (node->flags != LF_TREE || node->size != sizeof(struct lf_tree) ||
	    node->key_len == 0 || node->key_len >= sizeof(f->table[0].name) ||
	    f->ntables == LF_TABLES) {
		lf_fault(f, "names: a row that is no table");
		return;
	}
	memcpy(f->table[f->ntables].name, node->key, node->key_len);
	memcpy(&f->table[f->ntables].tree, node->data, sizeof(struct lf_tree));
	f->ntables++;
}

/* The page of its own that a row names: is it one, and nobody else's? */
static void
lf_check_own_page(struct lf_walk *w, const struct lf_node *node)
{
	struct lmdb_file *f = w->f;
	struct lf_page h;
	uint64_t n;

	w->overflows++;
	if (lf_own_page(f, node, &n) == NULL) {
		lf_fault(f,
			 "%s: a row leads to page %" PRIu64
			 ", which can't be read",
			 w->name, n);
		return;
	}
	h = lf_head(f->big);
	if (h.number != n || h.flags != LF_OVERFLOW || n > f->meta.last_page ||
	    lf_bit(f->is_free, n) || lf_set(f->seen, n))
		lf_fault(f,
			 "%s: a row leads to page %" PRIu64
			 ", which is not a row's own",
			 w->name, n);
}

static void
lf_table_leaf(struct lf_walk *w, const struct lf_node *node)
{
	if (node->flags == LF_BIG)
		lf_check_own_page(w, node);
	else if (node->flags != 0)
		lf_fault(w->f, "%s: a row of a sort that is not ours", w->name);
	lf_give(w->f, w->name, w->maybe ? LMDB_MAYBE : LMDB_IN_TREE, node);
}

/* Walk TREE by W. What a damaged one leads to may be another's: it counts as
 * not seen. True: all is well. */
static bool
lf_walk_own(struct lf_walk *w, const struct lf_tree *tree)
{
	struct lmdb_file *f = w->f;
	uint64_t before = f->faults;

	lf_walk_tree(w, tree);
	if (f->faults == before)
		return true;
	memset(f->seen, 0, f->pages / 8 + 1);
	return false;
}

uint64_t
lmdb_file_walk(struct lmdb_file *f)
{
	struct lf_walk free_walk = {.f = f,
				    .name = "free pages",
				    .numbers = true,
				    .leaf = lf_free_leaf};
	struct lf_walk names = {.f = f, .name = "names", .leaf = lf_names_leaf};

	if (!lf_walk_own(&free_walk, &f->meta.free)) {
		f->doubtful = true;
		memset(f->is_free, 0, f->pages / 8 + 1);
	}
	(void)lf_walk_own(&names, &f->meta.names);
	for (size_t i = 0; i < f->ntables; i++) {
		struct lf_walk w = {.f = f,
				    .name = f->table[i].name,
				    .leaf = lf_table_leaf};

		lf_walk_tree(&w, &f->table[i].tree);
	}
	return f->faults;
}

/* --- what no tree leads to ------------------------------------------------- */

static void
lf_scan_page(struct lmdb_file *f, uint64_t n)
{
	enum lmdb_how how = f->doubtful ? LMDB_MAYBE : LMDB_LOST;
	struct lf_node node;
	struct lf_page h;
	bool whole = true;

	if (lf_read(f, n, f->page) < 0)
		return;
	h = lf_head(f->page);
	if (!lf_head_ok(f, &h) || h.flags != LF_LEAF) {
		if (h.flags != LF_BRANCH && h.flags != LF_OVERFLOW)
			lf_comb(f, f->page);
		return;
	}
	for (size_t i = 0; i < lf_nkeys(&h); i++) {
		if (lf_node(f, f->page, i, false, &node))
			lf_give(f, NULL, how, &node);
		else
			whole = false;
	}
	if (!whole)
		lf_comb(f, f->page);
}

void
lmdb_file_scan(struct lmdb_file *f)
{
	for (uint64_t n = 2; n < f->pages; n++)
		if (!lf_bit(f->seen, n) &&
		    (f->doubtful ||
		     (!lf_bit(f->is_free, n) && n <= f->meta.last_page)))
			lf_scan_page(f, n);
}
