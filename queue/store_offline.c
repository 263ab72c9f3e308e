#include "queue/store_offline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "queue/queue_impl.h"
#include "queue/store_impl.h"
#include "queue/store_offline_impl.h"

/* A lock is only there where belfryd was; a backup has none. */
int
store_offline_lock(const char *dir, int *ret_fd)
{
	char *path = xasprintf("%s/lock", dir);
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = 0;

	free(path);
	*ret_fd = -1;
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (flock(fd, LOCK_SH | LOCK_NB) < 0)
		r = errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (r < 0)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}

struct store *
store_offline_new(struct engine *engine)
{
	struct store *s = xcalloc(1, sizeof(*s));

	s->conf.clock = clock_system();
	s->engine = engine;
	s->lock_fd = s->dir_fd = -1;
	return s;
}

int
store_open_offline(const char *dir, struct store **ret_store)
{
	struct engine *engine;
	int fd, r = store_offline_lock(dir, &fd);

	if (r < 0)
		return r;
	r = engine_exists(dir) ? engine_open_to_read(dir, &engine) : -ENOENT;
	if (r == 0) {
		*ret_store = store_offline_new(engine);
		(*ret_store)->lock_fd = fd;
	} else if (fd >= 0) {
		close(fd);
	}
	return r;
}

int
store_read_offline(struct store *store, store_fn *fn, void *arg)
{
	struct store_txn txn;
	int r = store_txn_begin(store, false, &txn);

	if (r < 0)
		return r;
	r = fn(&txn, arg);
	store_txn_abort(&txn);
	return r;
}

void
store_close_offline(struct store **store)
{
	struct store *s = *store;

	*store = NULL;
	if (s == NULL)
		return;
	engine_close(&s->engine);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	free(s);
}

int
queue_content_offline(struct store_txn *txn, uint64_t id, queue_offline_fn *fn,
		      void *arg)
{
	char page[STORE_PAGE_MAX];
	struct store_rec rec;
	struct message m;
	struct arena a;
	size_t len = 0;
	int r;

	arena_init(&a);
	r = queue_get_message(txn, id, &a, &m, &rec);
	arena_done(&a);
	for (uint32_t n = 0; r >= 0 && n < rec.pages; n++) {
		r = store_page_get(txn, rec.blob, n, page, &len);
		if (r == 0)
			r = fn(arg, page, len);
	}
	return r == -ENOENT ? -EBADMSG : r;
}
