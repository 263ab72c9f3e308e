/*
 * From a path to a filled struct: files, what they include, and putting the
 * trees together.
 */
#include "base/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/conf_private.h"

/* A file that is being read, and the ones that led to it. */
struct cl_open {
	const struct cl_open *parent;
	int depth;
	dev_t dev;
	ino_t ino;
};

struct cl {
	struct arena *arena;
	struct conf_errors *errors;
	size_t nfiles;
};

static bool
cl_leads_back(const struct cl_open *file)
{
	const struct cl_open *o = file->parent;

	while (o != NULL && (o->dev != file->dev || o->ino != file->ino))
		o = o->parent;
	return o != NULL;
}

int
conf_file_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), r;
	struct stat st;

	if (fd < 0)
		return -errno;
	r = fstat(fd, &st) < 0 ? -errno : 0;
	if (r == 0 && !S_ISREG(st.st_mode))
		r = -EINVAL;
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

const char *
conf_file_error(int r)
{
	return r == -EINVAL ? "it is no regular file" : strerror(-r);
}

/* 0 or -errno: -EFBIG above the ceiling, -ELOOP for a file that is being read
 * already. */
static int
cl_read(const char *path, struct cl_open *file, struct buf *b)
{
	/* What the caller names may be a pipe. */
	int fd = file->parent != NULL
			 ? conf_file_open(path)
			 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int r = 0;
	char piece[16384];
	struct stat st;
	ssize_t n = 0;

	if (fd < 0)
		return file->parent != NULL ? fd : -errno;
	if (fstat(fd, &st) == 0) {
		file->dev = st.st_dev;
		file->ino = st.st_ino;
		r = cl_leads_back(file) ? -ELOOP : 0;
	}
	while (r == 0 && (n = read(fd, piece, sizeof(piece))) > 0)
		if (buf_append(b, piece, (size_t)n) < 0)
			r = -EFBIG;
	if (n < 0)
		r = -errno;
	close(fd);
	return r;
}

/* --- putting trees together ------------------------------------------------ */

static void cl_merge(struct cl *cl, struct conf_node *to,
		     struct conf_node *from);

/* CHILD into the mapping TO, where OTHER has the same key. */
static void
cl_merge_pair(struct cl *cl, struct conf_node *other, struct conf_node *child)
{
	if (other->kind == child->kind && child->kind != CONF_SCALAR) {
		cl_merge(cl, other, child);
		return;
	}
	conf_error(cl->errors, &child->key_mark,
		   "`%s` is given twice; the first is %s:%d", child->key,
		   other->key_mark.file, other->key_mark.line);
}

/* The children of FROM, of the same kind as TO, into TO. */
static void
cl_merge(struct cl *cl, struct conf_node *to, struct conf_node *from)
{
	struct conf_node *child = from->first, *next, *other;

	for (; child != NULL; child = next) {
		next = child->next;
		other = NULL;
		if (to->kind == CONF_MAPPING)
			other = conf_node_find(to, child->key);
		if (other != NULL)
			cl_merge_pair(cl, other, child);
		else
			conf_node_append(to, child);
	}
}

/* --- include --------------------------------------------------------------- */

static struct conf_node *cl_file(struct cl *cl, const char *path,
				 const struct conf_mark *from,
				 const struct cl_open *parent);

/* Take `include` out of ROOT. */
static struct conf_node *
cl_take_include(struct conf_node *root)
{
	struct conf_node **at = &root->first, *node;

	while (*at != NULL && strcmp((*at)->key, "include") != 0)
		at = &(*at)->next;
	node = *at;
	if (node == NULL)
		return NULL;
	*at = node->next;
	if (*at == NULL)
		root->last = at;
	root->n--;
	return node;
}

static const char *
cl_relative(struct cl *cl, const char *file, const char *pattern)
{
	const char *slash = strrchr(file, '/');

	if (pattern[0] == '/' || slash == NULL)
		return pattern;
	return arena_printf(cl->arena, "%.*s/%s", (int)(slash - file), file,
			    pattern);
}

/* A pattern may match nothing; a plain name must be there, and the attempt to
 * read it says why it isn't. */
static void
cl_include(struct cl *cl, struct conf_node *root, const struct conf_node *node,
	   const struct cl_open *file)
{
	const char *pattern;
	glob_t found;
	int r;

	if (node->kind != CONF_SCALAR || node->text[0] == '\0') {
		conf_error(cl->errors, &node->mark,
			   "`include` is a file name or pattern, or a list of "
			   "them");
		return;
	}
	pattern = cl_relative(cl, node->mark.file, node->text);
	r = glob(pattern, strpbrk(pattern, "*?[") == NULL ? GLOB_NOCHECK : 0,
		 NULL, &found);
	if (r != 0 && r != GLOB_NOMATCH)
		conf_error(cl->errors, &node->mark, "can't look for `%s`",
			   pattern);
	for (size_t i = 0; r == 0 && i < found.gl_pathc; i++) {
		struct conf_node *tree =
			cl_file(cl, found.gl_pathv[i], &node->mark, file);

		if (tree != NULL)
			cl_merge(cl, root, tree);
	}
	if (r == 0)
		globfree(&found);
}

static void
cl_includes(struct cl *cl, struct conf_node *root, const struct cl_open *file)
{
	const struct conf_node *node = cl_take_include(root);

	if (node == NULL)
		return;
	if (node->kind != CONF_SEQUENCE) {
		cl_include(cl, root, node, file);
		return;
	}
	for (node = node->first; node != NULL; node = node->next)
		cl_include(cl, root, node, file);
}

/* --- files ----------------------------------------------------------------- */

/* The tree of TEXT, or NULL after reporting. */
static struct conf_node *
cl_parse(struct cl *cl, const char *name, const char *text, size_t len)
{
	struct conf_node *root =
		conf_yaml_parse(name, text, len, true, cl->arena, cl->errors);

	if (root == NULL || root->kind == CONF_MAPPING)
		return root;
	conf_error(cl->errors, &root->mark,
		   "a configuration is a section of `key: value` lines, with "
		   "a space behind each colon");
	return NULL;
}

/* The tree of PATH with what it includes; NULL after reporting, at FROM when
 * another file wanted it. */
static struct conf_node *
cl_file(struct cl *cl, const char *path, const struct conf_mark *from,
	const struct cl_open *parent)
{
	struct cl_open file = {.parent = parent,
			       .depth = parent != NULL ? parent->depth + 1 : 0};
	struct conf_mark here = {path, 0, 0};
	struct conf_node *root = NULL;
	struct buf b;
	int r;

	if (file.depth == CONF_CHAIN_MAX || cl->nfiles++ == CONF_FILES_MAX) {
		conf_error(cl->errors, from,
			   "too many included files: at most %d, %d deep",
			   CONF_FILES_MAX, CONF_CHAIN_MAX);
		return NULL;
	}
	buf_init(&b, CONF_FILE_MAX);
	r = cl_read(path, &file, &b);
	if (r == -EFBIG)
		conf_error(cl->errors, &here, "larger than %d bytes",
			   CONF_FILE_MAX);
	else if (r == -ELOOP && cl_leads_back(&file))
		conf_error(cl->errors, from,
			   "`include` leads back to %s, which is being read "
			   "already",
			   path);
	else if (r < 0 && from != NULL)
		conf_error(cl->errors, from, "can't read %s: %s", path,
			   conf_file_error(r));
	else if (r < 0)
		conf_error(cl->errors, &here, "can't be read: %s",
			   strerror(-r));
	else
		root = cl_parse(cl, path, buf_str(&b), b.len);
	buf_done(&b);
	if (root != NULL)
		cl_includes(cl, root, &file);
	return root;
}

static int
cl_fill(struct cl *cl, const struct conf_table *table,
	const struct conf_node *root, void *ret)
{
	if (root != NULL)
		conf_fill(table, root, &root->mark, cl->arena, cl->errors, ret);
	conf_errors_sort(cl->errors);
	return cl->errors->total > 0 ? -EINVAL : 0;
}

int
conf_load(const char *path, const struct conf_table *table, struct arena *arena,
	  struct conf_errors *e, void *ret)
{
	struct cl cl = {.arena = arena, .errors = e};

	return cl_fill(&cl, table, cl_file(&cl, path, NULL, NULL), ret);
}

int
conf_load_text(const char *name, const char *text, size_t len,
	       const struct conf_table *table, struct arena *arena,
	       struct conf_errors *e, void *ret)
{
	struct cl cl = {.arena = arena, .errors = e};
	struct conf_node *root = NULL, *include;

	if (len > CONF_FILE_MAX)
		conf_error(e, &(struct conf_mark){name, 0, 0},
			   "larger than %d bytes", CONF_FILE_MAX);
	else
		root = cl_parse(&cl, name, text, len);
	include = root != NULL ? conf_node_find(root, "include") : NULL;
	if (include != NULL) {
		conf_error(e, &include->key_mark,
			   "`include` is possible only in a file");
		cl_take_include(root);
	}
	return cl_fill(&cl, table, root, ret);
}

int
conf_load_named(const char *name, const char *text, size_t len,
		const struct conf_table *table, size_t name_offset,
		struct arena *arena, struct conf_errors *e,
		struct conf_list *ret)
{
	struct cl cl = {.arena = arena, .errors = e};
	struct conf_node *root = cl_parse(&cl, name, text, len);
	struct conf_list list = {0};
	size_t before = e->total;

	if (root == NULL)
		return -EINVAL;
	list.v = arena_alloc(arena, (root->n + 1) * table->size);
	for (const struct conf_node *c = root->first; c != NULL; c = c->next) {
		char *base = (char *)list.v + list.n++ * table->size;

		conf_fill(table, c, &c->key_mark, arena, e, base);
		*(char **)(base + name_offset) = arena_strdup(arena, c->key);
	}
	if (e->total > before) {
		conf_errors_sort(e);
		return -EINVAL;
	}
	*ret = list;
	return 0;
}
