/* The client's names and addresses: mechanism ptr, macro p (RFC 7208, 5.5). */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "verdict/spf_run.h"

#define NAMES_MAX   10 /* 4.6.4 */
#define REVERSE_MAX 80

enum answer_type
spf_address_type(const struct spf_run *run)
{
	return run->is4 ? ANSWER_A : ANSWER_AAAA;
}

static bool
bits_same(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned bytes = bits / 8, rest = bits % 8;
	uint8_t mask = (uint8_t)(0xff00 >> rest);

	return memcmp(a, b, bytes) == 0 &&
	       (rest == 0 || (a[bytes] & mask) == (b[bytes] & mask));
}

bool
spf_has_client(const struct spf_run *run, const struct answer *a,
	       unsigned prefix4, unsigned prefix6)
{
	const uint8_t *ip = run->question->ip + (run->is4 ? 12 : 0);
	size_t len = run->is4 ? 4 : 16;

	for (size_t i = 0; i < a->n; i++)
		if (a->records[i].len == len &&
		    bits_same(ip, (const uint8_t *)a->records[i].data,
			      run->is4 ? prefix4 : prefix6))
			return true;
	return false;
}

static void
reverse_name(const struct spf_run *run, char ret[static REVERSE_MAX])
{
	const uint8_t *ip = run->question->ip;
	size_t at = 0;

	if (run->is4) {
		snprintf(ret, REVERSE_MAX, "%u.%u.%u.%u.in-addr.arpa", ip[15],
			 ip[14], ip[13], ip[12]);
		return;
	}
	for (size_t i = 16; i-- > 0; at += 4)
		snprintf(ret + at, REVERSE_MAX - at, "%x.%x.", ip[i] & 0xf,
			 ip[i] >> 4);
	snprintf(ret + at, REVERSE_MAX - at, "ip6.arpa");
}

/* 1: NAME leads back to the client; 0; or -EAGAIN. */
static int
name_leads_back(struct spf_run *run, const char *name)
{
	const struct answer *a;
	int r = spf_ask(run, name, spf_address_type(run), &a);

	return r < 0 ? r : spf_has_client(run, a, 32, 128);
}

/* All forward questions are open at once before the first is waited for. */
static int
names_ask(struct spf_run *run, const struct answer *ptr, size_t n)
{
	const struct answer *a;
	int wait = 0;

	for (size_t i = 0; i < n; i++)
		if (spf_ask(run, ptr->records[i].data, spf_address_type(run),
			    &a) < 0)
			wait = -EAGAIN;
	return wait;
}

int
spf_client_name(struct spf_run *run, bool counted, spf_name_fn *fn,
		const void *arg, const char **ret)
{
	char reverse[REVERSE_MAX];
	const struct answer *ptr;
	size_t n;
	int r;

	*ret = NULL;
	reverse_name(run, reverse);
	r = spf_ask(run, reverse, ANSWER_PTR, &ptr);
	if (r == 0 && counted && ptr->status != ANSWER_TEMPFAIL)
		r = spf_ask_term(run, reverse, ANSWER_PTR, &ptr);
	if (r < 0)
		return r;
	n = ptr->n < NAMES_MAX ? ptr->n : NAMES_MAX;
	r = names_ask(run, ptr, n);
	for (size_t i = 0; i < n && r == 0 && *ret == NULL; i++) {
		const char *name = ptr->records[i].data;

		if (fn(name, arg) && name_leads_back(run, name) > 0)
			*ret = name;
	}
	return r;
}

bool
spf_name_within(const char *name, const void *domain)
{
	size_t n = strlen(name), d = strlen(domain);

	if (n > 0 && name[n - 1] == '.')
		n--;
	return n >= d && strncasecmp(name + n - d, domain, d) == 0 &&
	       (n == d || name[n - d - 1] == '.');
}
