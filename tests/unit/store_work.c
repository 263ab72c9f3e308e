#include "tests/unit/store_work.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/must.h"
#include "tests/unit/store_kit.h"

/* --- what a job does -------------------------------------------------------- */

/* A record's state: who wrote its content, who moved it last; content 0: it is
 * not there. */
struct sw_slot {
	int content, moved;
};

enum sw_op { SW_PUT, SW_MOVE, SW_REWRITE, SW_DELETE };

static size_t
sw_slot_of(int job)
{
	return (size_t)(job * 5 + job / 7) % STORE_WORK_SLOTS;
}

static enum sw_op
sw_op_of(int job, const struct sw_slot *slot)
{
	static const enum sw_op ops[] = {SW_MOVE, SW_REWRITE, SW_DELETE};

	return slot->content == 0 ? SW_PUT : ops[job % 3];
}

static void
sw_step(struct sw_slot *slot, int job)
{
	switch (sw_op_of(job, slot)) {
	case SW_PUT:
	case SW_REWRITE:
		*slot = (struct sw_slot){job, job};
		return;
	case SW_MOVE:
		slot->moved = job;
		return;
	case SW_DELETE:
		*slot = (struct sw_slot){0, 0};
		return;
	}
	abort();
}

static uint32_t
sw_pages(const struct sw_slot *slot)
{
	return (uint32_t)slot->content % 5;
}

static struct store_place
sw_place(const struct sw_slot *slot)
{
	if (slot->moved % 3 == 0)
		return store_place_ready(7, 0, (uint32_t)slot->moved);
	return store_place_time(STORE_CLASS_OTHER, 'm', slot->moved);
}

static void
sw_page(const struct sw_slot *slot, uint32_t n, char page[STORE_PAGE_MAX])
{
	memset(page, (int)(slot->content + n), STORE_PAGE_MAX);
}

/* --- in the store ------------------------------------------------------------ */

/* 0, or -errno when the slot is not what a job leaves behind. */
static int
sw_get(struct store_txn *txn, size_t i, struct sw_slot *ret_slot)
{
	struct store_key key = store_kit_key('m', i);
	char want[STORE_PAGE_MAX], page[STORE_PAGE_MAX];
	struct store_place place;
	struct store_rec rec;
	size_t len;
	int r;

	*ret_slot = (struct sw_slot){0, 0};
	r = store_get(txn, &key, &rec);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	must(rec.len == sizeof(*ret_slot));
	memcpy(ret_slot, rec.value, sizeof(*ret_slot));
	place = sw_place(ret_slot);
	if (!store_place_equal(&place, &rec.place) ||
	    rec.pages != sw_pages(ret_slot))
		return -EBADMSG;
	for (uint32_t n = 0; n < rec.pages; n++) {
		r = store_page_get(txn, rec.blob, n, page, &len);
		if (r < 0)
			return r;
		sw_page(ret_slot, n, want);
		if (len != sizeof(want) || memcmp(want, page, len) != 0)
			return -EBADMSG;
	}
	return 0;
}

static int
sw_drop_pages(struct store_txn *txn, const struct sw_slot *slot)
{
	int r = 0;

	for (uint32_t n = 0; n < sw_pages(slot) && r == 0; n++)
		r = store_page_del(txn, (uint64_t)slot->content, n);
	return r;
}

static int
sw_write_pages(struct store_txn *txn, const struct sw_slot *slot)
{
	char page[STORE_PAGE_MAX];
	int r = 0;

	for (uint32_t n = 0; n < sw_pages(slot) && r == 0; n++) {
		sw_page(slot, n, page);
		r = store_page_put(txn, (uint64_t)slot->content, n, page,
				   sizeof(page));
	}
	return r;
}

static int
sw_fn(struct store_txn *txn, void *arg)
{
	int job = *(int *)arg, r;
	struct store_key key = store_kit_key('m', sw_slot_of(job));
	struct sw_slot old, slot;
	struct store_rec rec = {.value = &slot, .len = sizeof(slot)};

	r = sw_get(txn, sw_slot_of(job), &old);
	if (r < 0)
		return r;
	slot = old;
	sw_step(&slot, job);
	if (slot.content != old.content)
		r = sw_drop_pages(txn, &old);
	if (r == 0 && slot.content == 0)
		return store_del(txn, &key);
	if (r == 0 && slot.content != old.content)
		r = sw_write_pages(txn, &slot);
	if (r < 0)
		return r;
	rec.place = sw_place(&slot);
	rec.pages = sw_pages(&slot);
	rec.blob = rec.pages > 0 ? (uint64_t)slot.content : 0;
	return store_put(txn, &key, &rec);
}

/* --- all of them ---------------------------------------------------------------- */

struct sw_run {
	struct store_gate gate;
	int fd; /* for the answers */
};

struct sw_job {
	struct store_job job;
	struct sw_run *run;
	int n;
};

static int
sw_job_fn(struct store_txn *txn, void *arg)
{
	struct sw_job *j = arg;

	return sw_fn(txn, &j->n);
}

static void
sw_job_after(void *arg, int result)
{
	struct sw_job *j = arg;
	struct store_work_answer answer = {j->n, result};

	must(syscall(SYS_write, j->run->fd, &answer, sizeof(answer)) ==
	     sizeof(answer));
	store_gate_pass(&j->run->gate);
}

static void
sw_run_batch(struct store *store, int fd, int first, int n)
{
	struct sw_run run = {.fd = fd};
	struct sw_job job[STORE_WORK_JOBS] = {0};

	store_gate_init(&run.gate, n);
	store_gate_hold(&run.gate, store);
	for (int i = 0; i < n; i++) {
		job[i].n = first + i;
		job[i].run = &run;
		job[i].job = (struct store_job){
			.fn = sw_job_fn, .after = sw_job_after, .arg = &job[i]};
		store_run(store, &job[i].job);
	}
	store_gate_open(&run.gate);
	store_gate_wait(&run.gate);
	store_gate_done(&run.gate);
}

void
store_work_run(struct store *store, int fd)
{
	static const int sizes[] = {1, 1, 4, 1, 6, 1, 3};
	int job = 1;

	for (size_t i = 0; job <= STORE_WORK_JOBS; i++) {
		int n = sizes[i % (sizeof(sizes) / sizeof(*sizes))];

		if (n > STORE_WORK_JOBS + 1 - job)
			n = STORE_WORK_JOBS + 1 - job;
		sw_run_batch(store, fd, job, n);
		job += n;
	}
}

/* --- the judge -------------------------------------------------------------------- */

struct sw_state {
	struct sw_slot slot[STORE_WORK_SLOTS];
};

static int
sw_look(struct store_txn *txn, void *arg)
{
	struct sw_state *state = arg;
	int r = 0;

	for (size_t i = 0; i < STORE_WORK_SLOTS && r == 0; i++)
		r = sw_get(txn, i, &state->slot[i]);
	return r;
}

const char *
store_work_judge(struct store *store, const struct store_work_answer *answer,
		 size_t n)
{
	struct sw_state is, may = {0};
	int job = 0;

	if (store_kit_run(store, sw_look, &is) < 0)
		return "a record is damaged";
	for (size_t i = 0; i < n; i++) {
		if (answer[i].job != ++job)
			return "answers are out of order";
		if (answer[i].result == 0)
			sw_step(&may.slot[sw_slot_of(job)], job);
		else if (answer[i].result != -ENOSPC)
			return "an answer is neither yes nor full";
	}
	/* What was not answered may be there, in order. */
	while (memcmp(&is, &may, sizeof(is)) != 0) {
		if (++job > STORE_WORK_JOBS)
			return "what was answered is not what is there";
		sw_step(&may.slot[sw_slot_of(job)], job);
	}
	return NULL;
}
