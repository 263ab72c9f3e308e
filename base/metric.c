/*
 * A counter is one atomic integer, a gauge the bits of a double, a histogram
 * one integer a bucket and the sum in nanoseconds, so that no update takes a
 * lock.
 */
#include "base/metric.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/must.h"
#include "base/utf8.h"
#include "base/xalloc.h"

#define METRIC_LABELS_MAX  3
#define METRIC_BUCKETS_MAX 24
/* More combinations of label values than this share one cell, whose labels are
 * all "other". */
#define METRIC_CELLS_MAX 4096

struct metric_cell {
	UT_hash_handle hh;
	const struct metric_desc *desc; /* borrowed */
	size_t nbuckets;
	_Atomic int64_t count; /* of a counter */
	_Atomic uint64_t bits; /* of a gauge */
	_Atomic int64_t sum_ns;
	_Atomic int64_t *bucket; /* owned; NBUCKETS + 1, the last is +Inf */
	char *labels;            /* owned: `a="x",b="y"`, the key of the hash */
};

struct metric_family {
	struct metric_family *next;
	struct metrics *registry;       /* borrowed */
	const struct metric_desc *desc; /* borrowed */
	size_t nlabels;
	struct metric_cell *cells; /* owned; by labels, oldest first */
};

struct metric_hook {
	struct metric_hook *next;
	void (*fn)(void *arg);
	void *arg;
};

struct metrics {
	pthread_mutex_t lock;   /* families, cells and hooks */
	pthread_mutex_t scrape; /* one scrape at a time */
	struct metric_family *families, **last;
	struct metric_hook *hooks;
};

struct metrics *
metrics_new(void)
{
	struct metrics *m = xcalloc(1, sizeof(*m));

	must(pthread_mutex_init(&m->lock, NULL) == 0);
	must(pthread_mutex_init(&m->scrape, NULL) == 0);
	m->last = &m->families;
	return m;
}

/* --- cells ----------------------------------------------------------------- */

static void
metric_cells_free(struct metric_family *f)
{
	struct metric_cell *c, *next;

	HASH_ITER(hh, f->cells, c, next)
	{
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): unlinked */
		HASH_DEL(f->cells, c);
		free(c->bucket);
		free(c->labels);
		free(c);
	}
}

/* Escaped as a label value: backslash, quote and newline; what is no UTF-8
 * would spoil the whole scrape and becomes a question mark. */
static void
metric_put_value(struct buf *b, const char *s)
{
	size_t len = strlen(s);

	for (size_t i = 0, n; i < len; i += n) {
		uint32_t c;

		n = utf8_next(s + i, len - i, &c);
		if (n == 0) {
			n = 1;
			buf_append_char(b, '?');
		} else if (c == '\n') {
			buf_append_str(b, "\\n");
		} else {
			if (c == '"' || c == '\\')
				buf_append_char(b, '\\');
			buf_append(b, s + i, n);
		}
	}
}

static char *
metric_labels(const struct metric_family *f, const char *const *values)
{
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	buf_append_str(&b, "");
	for (size_t i = 0; i < f->nlabels; i++) {
		buf_printf(&b, "%s%s=\"", i > 0 ? "," : "", f->desc->labels[i]);
		metric_put_value(&b, values[i]);
		buf_append_char(&b, '"');
	}
	return buf_take(&b);
}

static size_t
metric_nbuckets(const struct metric_desc *desc)
{
	size_t n = 0;

	if (desc->type != METRIC_HISTOGRAM)
		return 0;
	must(desc->buckets != NULL);
	while (desc->buckets[n] > 0)
		must(++n <= METRIC_BUCKETS_MAX);
	return n;
}

/* With the lock. */
static struct metric_cell *
metric_cell_get(struct metric_family *f, const char *const *values)
{
	static const char *const other[METRIC_LABELS_MAX] = {"other", "other",
							     "other"};
	char *labels = metric_labels(f, values);
	struct metric_cell *c;

	HASH_FIND_STR(f->cells, labels, c);
	if (c == NULL && HASH_COUNT(f->cells) >= METRIC_CELLS_MAX) {
		free(labels);
		labels = metric_labels(f, other);
		HASH_FIND_STR(f->cells, labels, c);
	}
	if (c != NULL) {
		free(labels);
		return c;
	}
	c = xcalloc(1, sizeof(*c));
	c->desc = f->desc;
	c->labels = labels;
	c->nbuckets = metric_nbuckets(f->desc);
	if (f->desc->type == METRIC_HISTOGRAM)
		c->bucket = xcalloc(c->nbuckets + 1, sizeof(*c->bucket));
	HASH_ADD_KEYPTR(hh, f->cells, c->labels, strlen(c->labels), c);
	return c;
}

struct metric_cell *
metric_cell(struct metric_family *f, ...)
{
	const char *values[METRIC_LABELS_MAX] = {NULL}, *value;
	struct metric_cell *c;
	size_t n = 0;
	va_list ap;

	va_start(ap, f);
	while ((value = va_arg(ap, const char *)) != NULL) {
		must(n < f->nlabels);
		values[n++] = value;
	}
	va_end(ap);
	must(n == f->nlabels);

	pthread_mutex_lock(&f->registry->lock);
	c = metric_cell_get(f, values);
	pthread_mutex_unlock(&f->registry->lock);
	return c;
}

/* --- families -------------------------------------------------------------- */

static struct metric_family *
metric_family_find(struct metrics *m, const char *name)
{
	struct metric_family *f = m->families;

	while (f != NULL && strcmp(f->desc->name, name) != 0)
		f = f->next;
	return f;
}

struct metric_family *
metric_register(struct metrics *m, const struct metric_desc *desc)
{
	struct metric_family *f;

	pthread_mutex_lock(&m->lock);
	f = metric_family_find(m, desc->name);
	if (f != NULL) {
		must(f->desc == desc);
		goto out;
	}
	f = xcalloc(1, sizeof(*f));
	f->registry = m;
	f->desc = desc;
	while (f->nlabels < METRIC_LABELS_MAX &&
	       desc->labels[f->nlabels] != NULL)
		f->nlabels++;
	*m->last = f;
	m->last = &f->next;
	if (f->nlabels == 0) /* there from the start, as zero */
		metric_cell_get(f, NULL);
out:
	pthread_mutex_unlock(&m->lock);
	return f;
}

void
metrics_free(struct metrics **mp)
{
	struct metrics *m;

	if (mp == NULL || *mp == NULL)
		return;
	m = *mp;
	*mp = NULL;
	while (m->families != NULL) {
		struct metric_family *f = m->families;

		m->families = f->next;
		metric_cells_free(f);
		free(f);
	}
	while (m->hooks != NULL) {
		struct metric_hook *h = m->hooks;

		m->hooks = h->next;
		free(h);
	}
	pthread_mutex_destroy(&m->scrape);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

void
metric_family_clear(struct metric_family *f)
{
	pthread_mutex_lock(&f->registry->lock);
	metric_cells_free(f);
	pthread_mutex_unlock(&f->registry->lock);
}

void
metrics_on_scrape(struct metrics *m, void (*fn)(void *arg), void *arg)
{
	struct metric_hook *h = xcalloc(1, sizeof(*h));

	h->fn = fn;
	h->arg = arg;
	pthread_mutex_lock(&m->lock);
	h->next = m->hooks;
	m->hooks = h;
	pthread_mutex_unlock(&m->lock);
}

/* --- values ---------------------------------------------------------------- */

static double
metric_from_bits(uint64_t bits)
{
	double d;

	memcpy(&d, &bits, sizeof(d));
	return d;
}

static uint64_t
metric_to_bits(double d)
{
	uint64_t bits;

	memcpy(&bits, &d, sizeof(bits));
	return bits;
}

void
metric_add(struct metric_cell *c, int64_t n)
{
	uint64_t old;

	must(c->desc->type != METRIC_HISTOGRAM);
	if (c->desc->type == METRIC_COUNTER) {
		must(n >= 0);
		atomic_fetch_add_explicit(&c->count, n, memory_order_relaxed);
		return;
	}
	old = atomic_load(&c->bits);
	while (!atomic_compare_exchange_weak(
		&c->bits, &old,
		metric_to_bits(metric_from_bits(old) + (double)n)))
		;
}

void
metric_set(struct metric_cell *c, double value)
{
	must(c->desc->type == METRIC_GAUGE);
	atomic_store(&c->bits, metric_to_bits(value));
}

void
metric_observe(struct metric_cell *c, double seconds)
{
	size_t i = 0;

	must(c->desc->type == METRIC_HISTOGRAM);
	/* A wall clock may be set back; a sum never goes down. */
	if (seconds < 0)
		seconds = 0;
	while (i < c->nbuckets && seconds > c->desc->buckets[i])
		i++;
	atomic_fetch_add_explicit(&c->bucket[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&c->sum_ns, (int64_t)(seconds * 1e9),
				  memory_order_relaxed);
}

double
metric_value(const struct metric_cell *c)
{
	double sum = 0;

	switch (c->desc->type) {
	case METRIC_COUNTER:
		return (double)atomic_load(&c->count);
	case METRIC_GAUGE:
		return metric_from_bits(atomic_load(&c->bits));
	case METRIC_HISTOGRAM:
		for (size_t i = 0; i <= c->nbuckets; i++)
			sum += (double)atomic_load(&c->bucket[i]);
		return sum;
	}
	abort();
}

/* --- the text -------------------------------------------------------------- */

/* As Prometheus reads it, with no digits that say nothing. */
static int
metric_put_number(struct buf *out, double v)
{
	if (isnan(v))
		return buf_append_str(out, "NaN");
	if (isinf(v))
		return buf_append_str(out, v > 0 ? "+Inf" : "-Inf");
	if (v == floor(v) && fabs(v) < 1e15)
		return buf_printf(out, "%.0f", v);
	return buf_printf(out, "%.9g", v);
}

/* `name_suffix{labels,le="0.1"} ` */
static int
metric_put_name(struct buf *out, const struct metric_cell *c,
		const char *suffix, const char *le)
{
	bool both = c->labels[0] != '\0' && le != NULL;
	bool any = c->labels[0] != '\0' || le != NULL;

	return buf_printf(out, "%s%s%s%s%s%s%s%s%s ", c->desc->name, suffix,
			  any ? "{" : "", c->labels, both ? "," : "",
			  le != NULL ? "le=\"" : "", le != NULL ? le : "",
			  le != NULL ? "\"" : "", any ? "}" : "");
}

static int
metric_render_histogram(const struct metric_cell *c, struct buf *out)
{
	int64_t sum_ns = atomic_load(&c->sum_ns), n = 0;
	int r = 0;

	for (size_t i = 0; i <= c->nbuckets && r == 0; i++) {
		char le[32] = "+Inf";

		if (i < c->nbuckets)
			snprintf(le, sizeof(le), "%g", c->desc->buckets[i]);
		n += atomic_load(&c->bucket[i]);
		r = metric_put_name(out, c, "_bucket", le)
			    ?: buf_printf(out, "%" PRId64 "\n", n);
	}
	return r ?: metric_put_name(out, c, "_sum", NULL)
		       ?: metric_put_number(out, (double)sum_ns / 1e9)
		       ?: buf_append_char(out, '\n')
		       ?: metric_put_name(out, c, "_count", NULL)
		       ?: buf_printf(out, "%" PRId64 "\n", n);
}

static int
metric_render_cell(const struct metric_cell *c, struct buf *out)
{
	if (c->desc->type == METRIC_HISTOGRAM)
		return metric_render_histogram(c, out);
	return metric_put_name(out, c, "", NULL)
		       ?: metric_put_number(out, metric_value(c))
		       ?: buf_append_char(out, '\n');
}

static int
metric_render_family(const struct metric_family *f, struct buf *out)
{
	static const char *const types[] = {"counter", "gauge", "histogram"};
	int r;

	r = buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", f->desc->name,
		       f->desc->help, f->desc->name, types[f->desc->type]);
	for (const struct metric_cell *c = f->cells; c != NULL && r == 0;
	     c = c->hh.next)
		r = metric_render_cell(c, out);
	return r;
}

static void
metrics_run_hooks(struct metrics *m)
{
	struct metric_hook *h;

	pthread_mutex_lock(&m->lock);
	h = m->hooks;
	pthread_mutex_unlock(&m->lock);
	for (; h != NULL; h = h->next) /* hooks are only ever added in front */
		h->fn(h->arg);
}

int
metrics_render(struct metrics *m, struct buf *out)
{
	int r = 0;

	pthread_mutex_lock(&m->scrape);
	metrics_run_hooks(m);
	pthread_mutex_lock(&m->lock);
	for (const struct metric_family *f = m->families; f != NULL && r == 0;
	     f = f->next)
		r = metric_render_family(f, out);
	pthread_mutex_unlock(&m->lock);
	pthread_mutex_unlock(&m->scrape);
	return r;
}
