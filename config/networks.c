#include "config/config_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "net/sockaddr.h"

#define NETWORKS_DEPTH_MAX 8
/* Of one list, resolved: a session compares its client with each. */
#define NETWORKS_MAX 4096
/* Names looked at: lists of lists of lists that hold nothing also end. */
#define NETWORKS_STEPS_MAX 100000

struct nr {
	const struct conf_map *networks;
	struct conf_errors *errors;
	struct network_list *out;
	int steps;
};

static const char *const loopback_texts[] = {"127.0.0.0/8", "::1"};

/* The private ranges, link-local and carrier-grade NAT among them. */
static const char *const private_texts[] = {
	"127.0.0.0/8",    "10.0.0.0/8",    "172.16.0.0/12", "192.168.0.0/16",
	"169.254.0.0/16", "100.64.0.0/10", "::1",           "fc00::/7",
	"fe80::/10",
};

static bool
nr_add(struct nr *nr, const char *text, const struct conf_mark *mark)
{
	struct network n;

	if (network_parse(text, &n) < 0)
		return false;
	if (nr->out->n < NETWORKS_MAX) {
		nr->out->v[nr->out->n++] = n;
		return true;
	}
	conf_error(nr->errors, mark, "more than %d networks in one list",
		   NETWORKS_MAX);
	return true;
}

static const struct conf_strings *
nr_find(const struct nr *nr, const char *name)
{
	for (size_t i = 0; i < nr->networks->n; i++)
		if (strcmp(nr->networks->names[i], name) == 0)
			return &nr->networks->v[i];
	return NULL;
}

/* Looks like an address, so it isn't a name with a typing error. */
static bool
nr_is_numeric(const char *text)
{
	return text[strspn(text, "0123456789./")] == '\0' ||
	       strchr(text, ':') != NULL || strchr(text, '/') != NULL;
}

static void
nr_unknown(struct nr *nr, const char *text, const struct conf_mark *mark)
{
	if (nr_is_numeric(text))
		conf_error(nr->errors, mark,
			   "`%s` is no network; write ADDRESS or ADDRESS/BITS, "
			   "with all bits below the prefix zero",
			   text);
	else
		conf_error(nr->errors, mark,
			   "no network is called `%s`; the names are those in "
			   "`networks`, and `loopback`",
			   text);
}

static bool
nr_list(struct nr *nr, const struct conf_strings *texts, int depth)
{
	bool ok = true;

	for (size_t i = 0; i < texts->n; i++) {
		const struct conf_mark *mark = &texts->marks[i];
		const struct conf_strings *named = nr_find(nr, texts->v[i]);

		if (nr->steps++ == NETWORKS_STEPS_MAX) {
			conf_error(nr->errors, mark, "too many networks");
			return false;
		}
		if (strcmp(texts->v[i], "loopback") == 0) {
			nr_add(nr, loopback_texts[0], mark);
			nr_add(nr, loopback_texts[1], mark);
		} else if (named != NULL && depth == NETWORKS_DEPTH_MAX) {
			conf_error(nr->errors, mark,
				   "networks that name networks: deeper than "
				   "%d",
				   NETWORKS_DEPTH_MAX);
			return false;
		} else if (named != NULL) {
			ok = nr_list(nr, named, depth + 1) && ok;
		} else if (!nr_add(nr, texts->v[i], mark)) {
			nr_unknown(nr, texts->v[i], mark);
			ok = false;
		}
		if (nr->errors->n == CONF_ERRORS_MAX ||
		    nr->steps > NETWORKS_STEPS_MAX)
			return false; /* also ends what names itself twice */
	}
	return ok;
}

bool
networks_resolve(const struct conf_strings *texts,
		 const struct conf_map *networks, struct arena *arena,
		 struct conf_errors *e, struct network_list *ret)
{
	struct network_list all = {0};
	struct nr nr = {networks, e, &all, 0};
	size_t before = e->total;

	all.v = xcalloc(NETWORKS_MAX, sizeof(*all.v));
	nr_list(&nr, texts, 0);
	if (e->total == before) {
		ret->n = all.n;
		ret->v = arena_alloc(arena, (all.n + 1) * sizeof(*all.v));
		memcpy(ret->v, all.v, all.n * sizeof(*all.v));
	}
	free(all.v);
	return e->total == before;
}

bool
networks_check(const struct conf_map *networks, struct arena *arena,
	       struct conf_errors *e)
{
	struct network n;
	bool ok = true;

	for (size_t i = 0; i < networks->n; i++) {
		const char *name = networks->names[i];
		struct network_list list;

		if (strcmp(name, "loopback") == 0 ||
		    network_parse(name, &n) == 0) {
			conf_error(e, &networks->marks[i],
				   "`%s` can't be the name of a network: it "
				   "means something already",
				   name);
			ok = false;
		}
		ok = networks_resolve(&networks->v[i], networks, arena, e,
				      &list) &&
		     ok;
	}
	return ok;
}

static bool
network_contains(const struct network *outer, const struct network *inner)
{
	size_t bytes = outer->prefix / 8, bits = outer->prefix % 8;
	uint8_t mask = (uint8_t)(0xff00 >> bits);

	if (inner->prefix < outer->prefix ||
	    memcmp(outer->addr, inner->addr, bytes) != 0)
		return false;
	return bits == 0 ||
	       (outer->addr[bytes] & mask) == (inner->addr[bytes] & mask);
}

bool
network_is_wide(const struct network *n)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	bool v4 = n->prefix >= 96 && memcmp(n->addr, mapped, 12) == 0;

	for (size_t i = 0; i < sizeof(private_texts) / sizeof(private_texts[0]);
	     i++) {
		struct network private;

		if (network_parse(private_texts[i], &private) == 0 &&
		    network_contains(&private, n))
			return false;
	}
	return n->prefix < (v4 ? 96 + 24 : 48);
}
