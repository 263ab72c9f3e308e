/*
 * One bit flips, anywhere in the structure of the file: the walk finds it, and
 * what is salvaged is every message, whole but for the one that was hit; no
 * content is ever another than it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "queue/store_offline.h"
#include "tests/unit/queue_rig.h"
#include "tests/unit/store_check.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/test.h"

#define MAILS 150 /* every third is removed again */
#define FLIPS 8   /* in each page of the structure */
#define PAGE  4096
#define ALL   SIZE_MAX

struct mail {
	uint64_t id;
	uint32_t crc;
	bool whole, seen;
};

static struct {
	char dir[64], flipped[64], salvaged[64];
	struct mail mail[MAILS];
	size_t n;
	uint8_t *file; /* owned */
	size_t size;
} lab;

/* --- what is in a store ----------------------------------------------------- */

static int
add_crc(void *arg, const void *data, size_t len)
{
	uint32_t *crc = arg;

	*crc = crc32c(*crc, data, len);
	return 0;
}

struct list {
	struct mail mail[MAILS];
	size_t n;
};

static int
list_some(struct store_txn *txn, void *arg)
{
	struct queue_listing *l;
	struct list *list = arg;
	uint64_t id = 0;
	int r;

	while ((r = queue_next_offline(txn, &id, &l)) > 0) {
		struct mail *m = &list->mail[list->n++];

		assert_true(list->n <= MAILS);
		*m = (struct mail){.id = id++};
		r = queue_content_offline(txn, m->id, add_crc, &m->crc);
		m->whole = r == 0 && !l->v[0].corrupt && l->v[0].nrcpt == 1 &&
			   l->v[0].rcpt[0].state == QUEUE_RCPT_READY;
		queue_listing_free(&l);
	}
	return r;
}

static void
list_all(const char *dir, struct list *ret)
{
	struct store *store;

	memset(ret, 0, sizeof(*ret));
	assert_int_equal(store_open_offline(dir, &store), 0);
	assert_int_equal(store_read_offline(store, list_some, ret), 0);
	store_close_offline(&store);
}

/* --- the store that is damaged ---------------------------------------------- */

static void
read_file(const char *dir)
{
	char path[PATH_MAX];
	struct stat st;
	FILE *f;

	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	lab.size = (size_t)st.st_size;
	lab.file = malloc(lab.size);
	assert_int_equal(fread(lab.file, 1, lab.size, f), lab.size);
	fclose(f);
}

static void
write_file(const char *dir)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(lab.file, 1, lab.size, f), lab.size);
	assert_int_equal(fclose(f), 0);
}

static void
make_dir(char *ret, size_t size, const char *what)
{
	snprintf(ret, size, "%s/belfry-%s-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", what);
	assert_non_null(mkdtemp(ret));
}

static int
group_setup(void **state)
{
	static struct rig rig;
	struct list list;

	(void)state;
	rig_init(&rig, NULL);
	rig.no_agent = true;
	rig_open(&rig);
	rig_start(&rig);
	for (size_t i = 0; i < MAILS; i++) {
		char fill = (char)('a' + i % 26);
		size_t size = i % 5 == 0 ? 70000 : 100 + 50 * i;

		assert_int_equal(
			rig_send(&rig, RIG_MAIL(.to = {"b@x.org"}, .size = size,
						.fill = fill)),
			0);
		if (i % 3 == 1)
			assert_int_equal(rig_act(&rig, QUEUE_REMOVE, rig.id),
					 0);
	}
	rig_settle(&rig);
	rig_close(&rig);
	make_dir(lab.flipped, sizeof(lab.flipped), "flipped");
	make_dir(lab.salvaged, sizeof(lab.salvaged), "salvaged");
	list_all(rig.dir, &list);
	assert_int_equal(list.n, MAILS * 2 / 3);
	memcpy(lab.mail, list.mail, sizeof(lab.mail));
	lab.n = list.n;
	read_file(rig.dir);
	rig_done(&rig);
	return 0;
}

static void
remove_salvaged(void)
{
	char lost[80];

	snprintf(lost, sizeof(lost), "%s/lost", lab.salvaged);
	store_kit_remove(lost);
	store_kit_remove(lab.salvaged);
}

static int
group_teardown(void **state)
{
	(void)state;
	free(lab.file);
	store_kit_remove(lab.flipped);
	remove_salvaged();
	return 0;
}

/* --- judged ------------------------------------------------------------------ */

static char said[1 << 16];

static void
say(void *arg, const char *line)
{
	size_t len = strlen(said);

	(void)arg;
	snprintf(said + len, sizeof(said) - len, "%s\n", line);
}

static struct mail *
find(struct list *list, uint64_t id)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->mail[i].id == id)
			return &list->mail[i];
	return NULL;
}

/* How many are not whole. None is missing, and none is another. */
static size_t
compare(struct list *list, bool doubtful, const char *what)
{
	size_t not_whole = 0, known = 0;

	for (size_t i = 0; i < lab.n; i++) {
		struct mail *m = find(list, lab.mail[i].id);

		if (m == NULL)
			fail_msg("%s: message %zu is missing\n%s", what, i,
				 said);
		known++;
		not_whole += !m->whole;
		if (m->whole && m->crc != lab.mail[i].crc)
			fail_msg("%s: message %zu is another\n%s", what, i,
				 said);
	}
	if (list->n > known && !doubtful)
		fail_msg("%s: what was removed is back\n%s", what, said);
	return not_whole;
}

static void
salvage(struct store_salvaged *ret, struct list *list, const char *what)
{
	struct store_verdict v;
	int r;

	remove_salvaged();
	r = store_salvage(lab.flipped, lab.salvaged, say, NULL, ret);
	if (r < 0)
		fail_msg("%s: %s\n%s", what, strerror(-r), said);
	assert_int_equal(store_verify(lab.salvaged, say, NULL, &v), 0);
	if (v.faults > 0)
		fail_msg("%s: the new store is damaged\n%s", what, said);
	list_all(lab.salvaged, list);
}

struct tally {
	size_t flips, found, harmless, hit;
};

static void
flip(struct tally *t, size_t at, int bit)
{
	struct store_salvaged salvaged;
	struct store_verdict v;
	struct list list;
	char what[64];
	size_t bad;
	int r;

	snprintf(what, sizeof(what), "page %zu byte %zu bit %d", at / PAGE,
		 at % PAGE, bit);
	said[0] = '\0';
	lab.file[at] ^= (uint8_t)(1 << bit);
	write_file(lab.flipped);
	lab.file[at] ^= (uint8_t)(1 << bit);
	r = store_verify(lab.flipped, say, NULL, &v);
	if (r < 0)
		fail_msg("%s: %s", what, strerror(-r));
	salvage(&salvaged, &list, what);
	bad = compare(&list, salvaged.doubtful, what);
	if (bad > 1)
		fail_msg("%s: %zu messages are not whole\n%s", what, bad, said);
	if (bad > 0 && v.faults == 0)
		fail_msg("%s: not found", what);
	t->flips++;
	t->found += v.faults > 0;
	t->harmless += v.faults == 0;
	t->hit += bad;
}

static unsigned
flags_of(size_t page)
{
	return lab.file[page * PAGE + 10]; /* little-endian or 0 */
}

/* Bytes of the structure: the head, offsets, the heads of the nodes. */
static size_t
structure_byte(size_t page, uint64_t *random)
{
	const uint8_t *p = lab.file + page * PAGE;
	uint16_t lower, offset;
	size_t keys, i;

	if (flags_of(page) == 8)
		return store_kit_random(random) % (16 + 136);
	memcpy(&lower, p + 12, sizeof(lower));
	keys = (size_t)(lower - 16) / 2;
	if (keys == 0 || store_kit_random(random) % 2 == 0)
		return store_kit_random(random) % lower;
	i = store_kit_random(random) % keys;
	memcpy(&offset, p + 16 + 2 * i, sizeof(offset));
	return offset + store_kit_random(random) % 24;
}

static struct tally
flip_pages(unsigned flags, size_t most, int flips)
{
	struct tally t = {0};
	uint64_t random = flags;
	size_t pages = lab.size / PAGE, count = 0, every;

	for (size_t p = 0; p < pages; p++)
		count += flags_of(p) == flags;
	every = count > most ? count / most : 1;
	count = 0;
	for (size_t p = 0; p < pages; p++) {
		if (flags_of(p) != flags || count++ % every != 0)
			continue;
		for (int i = 0; i < flips; i++) {
			size_t at = p * PAGE + structure_byte(p, &random);

			flip(&t, at, (int)(store_kit_random(&random) % 8));
		}
	}
	print_message("%zu flips: %zu found, %zu without effect; %zu messages "
		      "set aside\n",
		      t.flips, t.found, t.harmless, t.hit);
	return t;
}

static void
test_sound(void **state)
{
	struct store_salvaged salvaged;
	struct store_verdict v;
	struct list list;

	(void)state;
	said[0] = '\0';
	write_file(lab.flipped);
	assert_int_equal(store_verify(lab.flipped, say, NULL, &v), 0);
	assert_string_equal(said, "");
	assert_true(v.recs > 2 * lab.n && v.waits == 2 * lab.n);
	salvage(&salvaged, &list, "sound");
	assert_int_equal(compare(&list, false, "sound"), 0);
	assert_string_equal(said, "");
	assert_int_equal(salvaged.messages, lab.n);
	assert_false(salvaged.doubtful);
	/* What is there is not written over. */
	assert_int_equal(
		store_salvage(lab.flipped, lab.salvaged, say, NULL, &salvaged),
		-EEXIST);
}

static void
test_meta(void **state)
{
	struct tally t;

	(void)state;
	t = flip_pages(8, ALL, 40);
	assert_int_equal(t.hit, 0);
	assert_true(t.found > 20);
}

static void
test_branches(void **state)
{
	struct tally t;

	(void)state;
	t = flip_pages(1, 40, FLIPS);
	assert_true(t.flips > 20 && t.found > 10);
	assert_int_equal(t.hit, 0);
}

static void
test_leaves(void **state)
{
	struct tally t;

	(void)state;
	t = flip_pages(2, 12, FLIPS);
	assert_true(t.flips > 80 && t.found > 30);
	assert_true(t.hit > 0);
}

/* --- not one bit, but much ----------------------------------------------------- */

/* Nothing of the trees can be used, and yet all is there. */
static void
test_no_roots(void **state)
{
	struct store_salvaged salvaged;
	struct list list;
	uint8_t saved[2 * PAGE];

	(void)state;
	said[0] = '\0';
	memcpy(saved, lab.file, sizeof(saved));
	for (size_t p = 0; p < 2; p++) /* the roots of both trees */
		for (size_t tree = 0; tree < 2; tree++)
			lab.file[p * PAGE + 16 + 24 + 48 * tree + 40] ^= 0x7f;
	write_file(lab.flipped);
	memcpy(lab.file, saved, sizeof(saved));
	salvage(&salvaged, &list, "no roots");
	assert_int_equal(compare(&list, salvaged.doubtful, "no roots"), 0);
	assert_true(salvaged.doubtful);
}

/* One meta page says that pages are smaller, or larger: the other knows. */
static void
test_page_size(void **state)
{
	struct store_salvaged salvaged;
	struct store_verdict v;
	struct list list;

	(void)state;
	for (size_t meta = 0; meta < 2; meta++)
		for (uint32_t psize = PAGE / 8; psize <= 16 * PAGE;
		     psize *= 2) {
			uint8_t *at = lab.file + meta * PAGE + 16 + 24;
			uint32_t saved;

			said[0] = '\0';
			memcpy(&saved, at, sizeof(saved));
			memcpy(at, &psize, sizeof(psize));
			write_file(lab.flipped);
			memcpy(at, &saved, sizeof(saved));
			assert_int_equal(
				store_verify(lab.flipped, say, NULL, &v), 0);
			assert_true((v.faults > 0) == (psize != saved));
			salvage(&salvaged, &list, "page size");
			assert_int_equal(
				compare(&list, salvaged.doubtful, "page size"),
				0);
		}
}

static void
test_torn(void **state)
{
	struct store_salvaged salvaged;
	size_t size = lab.size;
	struct store_verdict v;
	struct list list;

	(void)state;
	said[0] = '\0';
	lab.size = size / 2 + 1000;
	write_file(lab.flipped);
	lab.size = size;
	assert_int_equal(store_verify(lab.flipped, say, NULL, &v), 0);
	assert_true(v.structure > 0);
	salvage(&salvaged, &list, "torn");
	for (size_t i = 0; i < list.n; i++)
		if (list.mail[i].whole && find(&list, list.mail[i].id) == NULL)
			fail_msg("not one of ours");
	assert_true(list.n > 0);
}

static void
test_nothing(void **state)
{
	struct store_salvaged salvaged;
	struct store_verdict v;
	char path[PATH_MAX];

	(void)state;
	snprintf(path, sizeof(path), "%s/data.mdb", lab.flipped);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(store_verify(lab.flipped, say, NULL, &v),
			 -EPROTONOSUPPORT);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(store_verify(lab.flipped, say, NULL, &v), -ENOENT);
	remove_salvaged();
	assert_int_equal(
		store_salvage(lab.flipped, lab.salvaged, say, NULL, &salvaged),
		-ENOENT);
	assert_int_equal(access(lab.salvaged, F_OK), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound),
		cmocka_unit_test(test_meta),
		cmocka_unit_test(test_branches),
		cmocka_unit_test(test_leaves),
		cmocka_unit_test(test_no_roots),
		cmocka_unit_test(test_page_size),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
