#include "alert/labels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define FNV_OFFSET UINT64_C(14695981039346656037)
#define FNV_PRIME  UINT64_C(1099511628211)
#define CUT        "..."

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool
label_name_is_valid(const char *name)
{
	size_t i;

	if (!is_letter(name[0]))
		return false;
	for (i = 1; name[i] != '\0'; i++)
		if (i >= LABEL_NAME_MAX ||
		    (!is_letter(name[i]) && !is_digit(name[i])))
			return false;
	return i <= LABEL_NAME_MAX;
}

void
labels_builder_init(struct labels_builder *b, struct arena *arena)
{
	b->arena = arena;
	b->most = LABELS_MAX;
	b->n = 0;
}

/* Where NAME is among the N of V, or belongs. */
static size_t
lb_place(const struct label *v, size_t n, const char *name, bool *ret_there)
{
	size_t low = 0, high = n;

	*ret_there = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(v[mid].name, name);

		if (order == 0) {
			*ret_there = true;
			return mid;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void
lb_remove(struct labels_builder *b, size_t at)
{
	b->n--;
	memmove(b->v + at, b->v + at + 1, (b->n - at) * sizeof(b->v[0]));
}

static int
lb_insert(struct labels_builder *b, size_t at, const char *name)
{
	if (b->n == b->most)
		return -E2BIG;
	memmove(b->v + at + 1, b->v + at, (b->n - at) * sizeof(b->v[0]));
	b->v[at] = (struct label){.name = arena_strdup(b->arena, name)};
	b->n++;
	return 0;
}

int
labels_set(struct labels_builder *b, const char *name, const char *value)
{
	bool there;
	size_t at;

	if (!label_name_is_valid(name) || !utf8_is_valid(value))
		return -EINVAL;
	at = lb_place(b->v, b->n, name, &there);
	if (value[0] == '\0') {
		if (there)
			lb_remove(b, at);
		return 0;
	}
	if (!there && lb_insert(b, at, name) < 0)
		return -E2BIG;
	b->v[at].value = arena_strdup(b->arena, value);
	return 0;
}

#define UNCUT PTRDIFF_MAX /* longer than any value */

/* Of a label whose value is cut behind MOST, as labels_pack() has it. */
static size_t
packed_label(const struct label *l, size_t most)
{
	return 2 * sizeof(uint16_t) + strlen(l->name) + strnlen(l->value, most);
}

static size_t
packed_size(const struct label *v, size_t n, size_t most)
{
	size_t size = sizeof(uint16_t);

	for (size_t i = 0; i < n; i++)
		size += packed_label(&v[i], most);
	return size;
}

void
labels_finish_annotations(const struct labels_builder *b, struct labels *ret)
{
	ret->n = b->n;
	ret->v = arena_alloc(b->arena, b->n * sizeof(b->v[0]));
	memcpy(ret->v, b->v, b->n * sizeof(b->v[0]));
}

int
labels_finish(const struct labels_builder *b, struct labels *ret)
{
	if (packed_size(b->v, b->n, UNCUT) > LABELS_BYTES_MAX)
		return -E2BIG;
	labels_finish_annotations(b, ret);
	return 0;
}

/* --- cutting ---------------------------------------------------------------- */

static size_t
values_len(const struct labels *l, size_t most)
{
	size_t sum = 0;

	for (size_t i = 0; i < l->n; i++)
		sum += strnlen(l->v[i].value, most);
	return sum;
}

/* The most that a value may be long so that all of them are SUM. */
static size_t
fitting_len(const struct labels *l, size_t sum)
{
	size_t low = sum / l->n, high = sum;

	while (low < high) {
		size_t mid = low + (high - low + 1) / 2;

		if (values_len(l, mid) <= sum)
			low = mid;
		else
			high = mid - 1;
	}
	return low;
}

/* At most MOST bytes of S, which is longer. */
static const char *
cut_value(const char *s, size_t most, struct arena *arena)
{
	size_t len = most - strlen(CUT);

	while (len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80)
		len--;
	return arena_printf(arena, "%.*s" CUT, (int)len, s);
}

void
labels_cut_values(struct labels *l, size_t sum, struct arena *arena)
{
	struct label *v;
	size_t most;

	if (values_len(l, UNCUT) <= sum)
		return;
	most = fitting_len(l, sum);
	v = arena_alloc(arena, l->n * sizeof(*v));
	for (size_t i = 0; i < l->n; i++) {
		v[i] = l->v[i];
		if (strlen(v[i].value) > most)
			v[i].value = cut_value(v[i].value, most, arena);
	}
	l->v = v;
}

/* What it is, how bad, from where and whose. */
static bool
is_kept(const struct label *l)
{
	static const char *const names[] = {"alertname", "severity", "source",
					    "uid", "user"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(l->name, names[i]) == 0)
			return true;
	return false;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct label *)a)->name,
		      ((const struct label *)b)->name);
}

/* What has to stay, then the shortest. */
static int
by_length(const void *a, const void *b)
{
	size_t a_len = is_kept(a) ? 0 : packed_label(a, UNCUT);
	size_t b_len = is_kept(b) ? 0 : packed_label(b, UNCUT);

	if (a_len != b_len)
		return a_len < b_len ? -1 : 1;
	return by_name(a, b);
}

/* The longest go. */
static void
leave_out(struct labels *l)
{
	size_t size = sizeof(uint16_t), n = 0;

	if (l->n <= LABELS_MAX &&
	    packed_size(l->v, l->n, LABEL_CUT_MIN) <= LABELS_BYTES_MAX)
		return;
	qsort(l->v, l->n, sizeof(l->v[0]), by_length);
	while (n < l->n && n < LABELS_MAX &&
	       size + packed_label(&l->v[n], LABEL_CUT_MIN) <= LABELS_BYTES_MAX)
		size += packed_label(&l->v[n++], LABEL_CUT_MIN);
	l->n = n;
	qsort(l->v, l->n, sizeof(l->v[0]), by_name);
}

uint64_t
labels_finish_cut(const struct labels_builder *b, struct labels *ret)
{
	uint64_t print;

	labels_finish_annotations(b, ret);
	print = labels_fingerprint(ret);
	leave_out(ret);
	labels_cut_values(ret,
			  LABELS_BYTES_MAX - packed_size(ret->v, ret->n, 0),
			  b->arena);
	return print;
}

/* --- looking ---------------------------------------------------------------- */

const char *
labels_get(const struct labels *l, const char *name)
{
	bool there;
	size_t at = lb_place(l->v, l->n, name, &there);

	return there ? l->v[at].value : NULL;
}

bool
labels_equal(const struct labels *a, const struct labels *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i].name, b->v[i].name) != 0 ||
		    strcmp(a->v[i].value, b->v[i].value) != 0)
			return false;
	return true;
}

void
labels_keep_common(struct labels *a, const struct labels *b)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++) {
		const char *value = labels_get(b, a->v[i].name);

		if (value != NULL && strcmp(value, a->v[i].value) == 0)
			a->v[n++] = a->v[i];
	}
	a->n = n;
}

void
labels_copy(struct arena *arena, const struct labels *from, struct labels *to)
{
	struct labels copy = {
		.n = from->n,
		.v = arena_alloc(arena, from->n * sizeof(from->v[0])),
	};

	for (size_t i = 0; i < from->n; i++)
		copy.v[i] = (struct label){
			.name = arena_strdup(arena, from->v[i].name),
			.value = arena_strdup(arena, from->v[i].value),
		};
	*to = copy;
}

/* S and the separator, which is no byte of UTF-8. */
static uint64_t
fnv_add(uint64_t h, const char *s)
{
	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * FNV_PRIME;
	return (h ^ 0xff) * FNV_PRIME;
}

uint64_t
labels_fingerprint(const struct labels *l)
{
	uint64_t h = FNV_OFFSET;

	for (size_t i = 0; i < l->n; i++) {
		h = fnv_add(h, l->v[i].name);
		h = fnv_add(h, l->v[i].value);
	}
	return h;
}

void
labels_pack(struct pack *p, const struct labels *l)
{
	pack_u16(p, (uint16_t)l->n);
	for (size_t i = 0; i < l->n; i++) {
		pack_str(p, l->v[i].name);
		pack_str(p, l->v[i].value);
	}
}

/* Is V[N] a label, and behind those before it? */
static bool
is_next(const struct label *v, size_t n)
{
	return label_name_is_valid(v[n].name) && v[n].value[0] != '\0' &&
	       utf8_is_valid(v[n].value) &&
	       (n == 0 || strcmp(v[n - 1].name, v[n].name) < 0);
}

int
labels_unpack(struct unpack *u, struct arena *a, struct labels *ret)
{
	struct labels l = {.n = unpack_u16(u)};

	if (u->bad || l.n > LABELS_MAX)
		return -EBADMSG;
	l.v = arena_alloc(a, l.n * sizeof(l.v[0]));
	for (size_t i = 0; i < l.n; i++) {
		l.v[i].name = unpack_str(u, a);
		l.v[i].value = unpack_str(u, a);
		if (u->bad || !is_next(l.v, i))
			return -EBADMSG;
	}
	*ret = l;
	return 0;
}
