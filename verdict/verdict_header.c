#include <string.h>
#include <strings.h>

#include "mail/address.h"
#include "verdict/auth_results.h"
#include "verdict/verdict_impl.h"

/* --- whom to believe ----------------------------------------------------------- */

/* The entry in whose name the field F speaks, and that is believed from who
 * connected; NULL: none. *RET_NAMED: F might speak in the name of some entry. */
static const struct trusted_authserv *
vh_trusted(const struct verdict *v, const struct header_field *f,
	   bool *ret_named)
{
	const struct verdict_conf *conf = &v->judge->conf;

	*ret_named = false;
	for (size_t i = 0; i < conf->trusted_authserv.n; i++) {
		const struct trusted_authserv *t =
			verdict_conf_trusted(conf, i);

		if (!auth_results_claims(f, t->id))
			continue;
		*ret_named = true;
		if (auth_results_of(f, t->id) &&
		    network_list_has(&t->believed, &v->message.peer))
			return t;
	}
	return NULL;
}

static bool
vh_is_forged(const struct verdict *v, const struct header_field *f)
{
	bool named;

	if (vh_trusted(v, f, &named) != NULL)
		return false;
	return named || auth_results_claims(f, v->judge->authserv_id);
}

/* --- what is to be taken out --------------------------------------------------- */

/* The forged ones into TO, where it is not NULL; how many. */
static size_t
vh_forged(const struct verdict *v, struct verdict_forged *to)
{
	const char *at = v->message.header;
	size_t left = v->message.header_len, n = 0;
	struct header_field f;
	unsigned nth = 0;

	for (; header_next(at, left, &f) > 0; at += f.raw_len) {
		left -= f.raw_len;
		if (!header_is(&f, AUTH_RESULTS_NAME))
			continue;
		nth++;
		if (!vh_is_forged(v, &f))
			continue;
		if (to != NULL)
			to[n] = (struct verdict_forged){
				.at = (size_t)(at - v->message.header),
				.len = f.raw_len,
				.nth = nth,
			};
		n++;
	}
	return n;
}

void
verdict_find_forged(struct verdict *v)
{
	size_t n = vh_forged(v, NULL);
	struct verdict_forged *forged;

	if (n == 0)
		return;
	forged = arena_alloc(&v->arena, n * sizeof(*forged));
	v->result.nforged = vh_forged(v, forged);
	v->result.forged = forged;
}

/* --- what others found --------------------------------------------------------- */

/* Which of N names WORD is; OTHERWISE when it is none of them. */
static int
vh_word(const char *const names[], int n, const char *word, int otherwise)
{
	for (int i = 0; i < n; i++)
		if (strcmp(names[i], word) == 0)
			return i;
	return otherwise;
}

static const char *
vh_prop(const struct auth_result *r, const char *type, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->props[i].type, type) == 0 &&
		    strcmp(r->props[i].name, name) == 0)
			return r->props[i].value;
	return "";
}

static void
vh_believe_spf(struct verdict *v, const struct auth_result *a)
{
	struct verdict_result *r = &v->result;
	const char *mail_from = vh_prop(a, "smtp", "mailfrom");
	const char *helo = vh_prop(a, "smtp", "helo");
	bool is_helo = mail_from[0] == '\0' && helo[0] != '\0';
	struct spf_verdict *spf = is_helo ? &v->helo : &v->mail_from;
	const char *at = strrchr(mail_from, '@');

	*spf = (struct spf_verdict){
		.result = (enum spf_result)vh_word(spf_result_names,
						   SPF_PERMERROR + 1, a->result,
						   SPF_NONE),
		.domain = is_helo      ? helo
			  : at != NULL ? at + 1
				       : mail_from,
		.term = "",
		.why = a->reason,
	};
	if (is_helo)
		r->helo = spf;
	else
		r->mail_from = spf;
	if (!is_helo || r->spf_domain[0] == '\0')
		r->spf_domain = spf->domain;
}

static void
vh_believe_dkim(struct verdict *v, const struct auth_result *a)
{
	struct dkim_verdict *d = &v->no_signatures;

	if (strcmp(a->result, "none") == 0 || d->n == DKIM_SIGNATURES_MAX)
		return;
	if (d->signatures == NULL)
		d->signatures =
			arena_alloc(&v->arena, DKIM_SIGNATURES_MAX *
						       sizeof(*d->signatures));
	d->signatures[d->n++] = (struct dkim_signature){
		.domain = vh_prop(a, "header", "d"),
		.selector = vh_prop(a, "header", "s"),
		.algorithm = vh_prop(a, "header", "a"),
		.identity = vh_prop(a, "header", "i"),
		.start = vh_prop(a, "header", "b"),
		.result = (enum dkim_result)vh_word(dkim_result_names,
						    DKIM_PERMERROR + 1,
						    a->result, DKIM_NEUTRAL),
		.why = a->reason,
	};
}

static void
vh_believe_dmarc(struct verdict *v, const struct auth_result *a)
{
	v->dmarc = (struct dmarc_verdict){
		.result = (enum dmarc_result)vh_word(dmarc_result_names,
						     DMARC_PERMERROR + 1,
						     a->result, DMARC_NONE),
		.author = vh_prop(a, "header", "from"),
		.organisation = "",
		.policy_domain = "",
		.record = {.text = "", .rua = ""},
		.policy = DMARC_POLICY_ABSENT,
		.why = "a trusted host says so",
	};
	v->result.dmarc = &v->dmarc;
}

static const struct {
	const char *name;
	void (*believe)(struct verdict *v, const struct auth_result *a);
} vh_methods[] = {
	{"spf", vh_believe_spf},
	{"dkim", vh_believe_dkim},
	{"dmarc", vh_believe_dmarc},
};

#define NMETHODS (sizeof(vh_methods) / sizeof(vh_methods[0]))

/* But for methods that are KNOWN by fields above, as bits. */
static void
vh_believe(struct verdict *v, const struct auth_results *a, unsigned *known)
{
	unsigned here = 0;

	for (size_t i = 0; i < a->n; i++)
		for (size_t m = 0; m < NMETHODS; m++) {
			if ((*known & 1U << m) != 0 ||
			    strcmp(a->v[i].method, vh_methods[m].name) != 0)
				continue;
			vh_methods[m].believe(v, &a->v[i]);
			here |= 1U << m;
		}
	*known |= here;
}

/* Fields that are believed; others say no more. */
#define BELIEVED_MAX 20

/* All fields of the first one that is believed: filters behind each other leave
 * one each. What stands below those may have been there before. */
void
verdict_believe(struct verdict *v)
{
	const char *at = v->message.header;
	size_t left = v->message.header_len;
	const struct trusted_authserv *t, *first = NULL;
	struct auth_results *a;
	struct header_field f;
	unsigned n = 0, known = 0;
	bool named;

	for (; n < BELIEVED_MAX && header_next(at, left, &f) > 0;
	     at += f.raw_len) {
		left -= f.raw_len;
		t = vh_trusted(v, &f, &named);
		if (t == NULL || (first != NULL && t != first))
			continue;
		a = arena_alloc(&v->arena, sizeof(*a));
		if (auth_results_parse(f.value, f.value_len, &v->arena, a) < 0)
			continue;
		first = t;
		n++;
		v->result.believed = t->id;
		vh_believe(v, a, &known);
	}
}
