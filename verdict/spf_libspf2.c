#include "verdict/spf_libspf2.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <spf2/spf.h>
#include <spf2/spf_dns.h>
#include <string.h>
#include <strings.h>

#include "base/must.h"
#include "verdict/spf_macro.h"
#include "verdict/spf_run.h"

#define COMPILED_MAX                                                           \
	500            /* of 511; mechanisms and modifiers have as much each */
#define ITEM_SIZE  4   /* a mechanism, a length, a macro; a text's head */
#define CALLS_MAX  500 /* of its questions, also those asked again */
#define HOSTS_MAX  10  /* of one answer (4.6.4) */
#define SENDER_MAX 320

/* What is asked next about hosts that an MX or PTR named belongs to that term. */
struct host {
	STAILQ_ENTRY(host) link;
	const char *name;
};

struct spf2_run {
	struct spf_run run;
	SPF_dns_server_t dns;
	unsigned calls;
	bool waits;
	int error;        /* SPF_PERM: a limit is passed */
	bool text_failed; /* that was it */
	bool begun;       /* the first record was found */
	const char *refused;
	STAILQ_HEAD(, host) hosts;
	bool of_client; /* by its PTR */
};

/* --- what it may not have -------------------------------------------------- */

static size_t
size_rounded(size_t len)
{
	return (len + ITEM_SIZE - 1) / ITEM_SIZE * ITEM_SIZE;
}

static size_t
size_text(const char *s, size_t len)
{
	struct spf_part part;
	size_t used, size = 0;

	for (; (used = spf_part_next(s, len, &part)) > 0;
	     s += used, len -= used)
		size += ITEM_SIZE + (part.kind == SPF_PART_TEXT
					     ? size_rounded(part.len)
					     : 0);
	return size;
}

static size_t
size_mechanisms(const struct spf_record *record)
{
	size_t size =
		ITEM_SIZE + size_text(record->redirect.s, record->redirect.len);
	const struct spf_term *term;

	STAILQ_FOREACH (term, &record->terms, link) {
		size += 2 * ITEM_SIZE;
		if (term->mechanism == SPF_IP6)
			size += sizeof(term->ip);
		size += size_text(term->domain.s, term->domain.len);
	}
	return size;
}

/* Any modifier, of what begins with LEN octets at S. */
static size_t
size_modifiers(const char *s, size_t len)
{
	const char *end = s + len;
	size_t size = 0;

	while (s < end) {
		size_t n = 0;

		while (s + n < end && s[n] != ' ')
			n++;
		if (memchr(s, '=', n) != NULL)
			size += 2 * ITEM_SIZE + size_text(s, n);
		s += n + 1;
	}
	return size;
}

const char *
spf_libspf2_refuses(const char *text, size_t len, struct arena *arena)
{
	struct spf_record record;
	const struct spf_term *term;
	const char *why;

	if (spf_record_parse(text, len, arena, &record, &why) < 0)
		return why;
	if (size_mechanisms(&record) > COMPILED_MAX ||
	    size_modifiers(text, len) > COMPILED_MAX)
		return "the record is more than it can hold";
	STAILQ_FOREACH (term, &record.terms, link)
		if (term->prefix4 == 0 || term->prefix6 == 0)
			return "the record has a prefix length of zero";
	return NULL;
}

static bool
text_plain(const char *s)
{
	if (strlen(s) > SENDER_MAX)
		return false;
	for (; *s != '\0'; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

static const char *
question_refused(const struct spf_run *run)
{
	const struct spf_question *q = run->question;

	if (run->is4 && q->ip[12] == IN_LOOPBACKNET)
		return "the client is on loopback";
	if (!run->is4 && memcmp(q->ip, &in6addr_loopback, sizeof(q->ip)) == 0)
		return "the client is on loopback";
	if (!text_plain(run->sender) || !text_plain(q->helo))
		return "the sender or the name of EHLO is an odd one";
	return NULL;
}

/* --- its questions --------------------------------------------------------- */

/* True for a question about one of them, which is not asked about again. */
static bool
hosts_take(struct spf2_run *r, const struct answer *a)
{
	struct host *host;

	if (a->type != ANSWER_A && a->type != ANSWER_AAAA)
		return false;
	STAILQ_FOREACH (host, &r->hosts, link)
		if (strcasecmp(host->name, a->name) == 0) {
			STAILQ_REMOVE(&r->hosts, host, host, link);
			return true;
		}
	return false;
}

static void
hosts_add(struct spf2_run *r, const struct answer *a)
{
	for (size_t i = 0; i < a->n && i < HOSTS_MAX; i++) {
		struct host *host = arena_alloc(&r->run.arena, sizeof(*host));
		const struct answer_record *record = &a->records[i];
		size_t len = record->len;

		if (len > 0 && record->data[len - 1] == '.')
			len--;
		host->name = arena_strndup(&r->run.arena, record->data, len);
		STAILQ_INSERT_TAIL(&r->hosts, host, link);
	}
	r->of_client = a->type == ANSWER_PTR;
}

static void
count_void(struct spf2_run *r, const struct answer *a)
{
	if (a->status == ANSWER_OK || a->status == ANSWER_TEMPFAIL ||
	    ++r->run.voids <= SPF_VOIDS_MAX)
		return;
	r->error = spf_fail(&r->run, SPF_PERM,
			    "over %d questions without an answer, the last for "
			    "%s %s",
			    SPF_VOIDS_MAX, a->name, answer_type_names[a->type]);
}

static void
count_lookup(struct spf2_run *r)
{
	if (++r->run.lookups > SPF_LOOKUPS_MAX)
		r->error = spf_fail(&r->run, SPF_PERM,
				    "over %d terms that ask the DNS",
				    SPF_LOOKUPS_MAX);
}

/* The first record is nobody's term; what is no record ends an include, or
 * would have been an explanation. */
static void
count_record(struct spf2_run *r, const struct answer *a)
{
	for (size_t i = 0; i < a->n; i++) {
		if (!spf_record_is(a->records[i].data, a->records[i].len))
			continue;
		if (r->begun)
			count_lookup(r);
		r->begun = true;
		return;
	}
}

static void
count_term(struct spf2_run *r, const struct answer *a)
{
	count_void(r, a);
	if (a->type == ANSWER_MX && a->n > HOSTS_MAX)
		r->error = spf_fail(&r->run, SPF_PERM, "%s has over %d MX",
				    a->name, HOSTS_MAX);
	if (a->type == ANSWER_MX || a->type == ANSWER_PTR)
		hosts_add(r, a);
}

/* It goes on at a failure of the DNS as if there were nothing. Whether a client
 * has a name does not matter so much. */
static void
count_answer(struct spf2_run *r, const struct answer *a)
{
	bool host = hosts_take(r, a);
	bool client = a->type == ANSWER_PTR || (host && r->of_client);

	if (!host)
		STAILQ_INIT(&r->hosts);
	if (!host && a->type != ANSWER_TXT)
		count_lookup(r);
	if (r->error != 0)
		return;
	if (a->status == ANSWER_TEMPFAIL && !client) {
		r->text_failed = a->type == ANSWER_TXT;
		r->error = spf_fail(&r->run, SPF_TEMP, "%s %s: %s", a->name,
				    answer_type_names[a->type], a->why);
	} else if (a->type == ANSWER_TXT) {
		count_record(r, a);
	} else if (!host) {
		count_term(r, a);
	} else if (!client) {
		count_void(r, a);
	}
}

static bool
give(SPF_dns_rr_t *rr, const void *data, size_t len)
{
	if (SPF_dns_rr_buf_realloc(rr, rr->num_rr, len + 1) != SPF_E_SUCCESS)
		return false;
	memcpy(rr->rr[rr->num_rr], data, len);
	((char *)rr->rr[rr->num_rr])[len] = '\0';
	rr->num_rr++;
	return true;
}

/* Of TXT only records that it may have: else they are somebody's explanation. */
static void
give_records(struct spf2_run *r, const struct answer *a, SPF_dns_rr_t *rr)
{
	size_t n = a->type == ANSWER_PTR && a->n > HOSTS_MAX ? HOSTS_MAX : a->n;

	for (size_t i = 0; i < n && r->refused == NULL; i++) {
		const struct answer_record *record = &a->records[i];

		if (a->type == ANSWER_TXT) {
			if (!spf_record_is(record->data, record->len))
				continue;
			r->refused = spf_libspf2_refuses(
				record->data, record->len, &r->run.arena);
		}
		if (record->len > 0)
			must(give(rr, record->data, record->len));
	}
	if (rr->num_rr == 0)
		rr->herrno = NO_DATA;
}

static int
herrno_of(enum answer_status status)
{
	switch (status) {
	case ANSWER_OK:
		return NETDB_SUCCESS;
	case ANSWER_NO_DATA:
		return NO_DATA;
	case ANSWER_NO_NAME:
		return HOST_NOT_FOUND;
	case ANSWER_OPEN:
	case ANSWER_TEMPFAIL:
		break;
	}
	return TRY_AGAIN;
}

/* ANSWER's type in *RET; false: it is none that we ask for. */
static bool
type_of(ns_type type, enum answer_type *ret)
{
	static const struct {
		int type;
		enum answer_type ours;
	} types[] = {
		{ns_t_a, ANSWER_A},     {ns_t_aaaa, ANSWER_AAAA},
		{ns_t_mx, ANSWER_MX},   {ns_t_ptr, ANSWER_PTR},
		{ns_t_txt, ANSWER_TXT},
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].type == (int)type) {
			*ret = types[i].ours;
			return true;
		}
	return false;
}

/* True once its result does not count any more. */
static bool
is_over(const struct spf2_run *r)
{
	return r->waits || r->error != 0 || r->refused != NULL;
}

/* libspf2's callback. It gives up at the first TRY_AGAIN. */
static SPF_dns_rr_t *
lookup(SPF_dns_server_t *dns, const char *domain, ns_type ns_type, int cache)
{
	struct spf2_run *r = dns->hook;
	SPF_dns_rr_t *rr =
		SPF_dns_rr_new_init(dns, domain, ns_type, 0, TRY_AGAIN);
	const struct answer *a;
	enum answer_type type;

	(void)cache;
	must(rr != NULL);
	if (!type_of(ns_type, &type)) {
		rr->herrno = NO_DATA; /* also of 99, which RFC 7208 gave up */
		return rr;
	}
	if (++r->calls > CALLS_MAX)
		r->error = spf_fail(&r->run, SPF_PERM,
				    "over %d questions to the DNS", CALLS_MAX);
	if (is_over(r))
		return rr;
	a = answers_find(r->run.answers, domain, type);
	r->waits = a->status == ANSWER_OPEN;
	if (!r->waits)
		count_answer(r, a);
	if (!is_over(r)) {
		rr->herrno = herrno_of(a->status);
		give_records(r, a, rr);
	}
	if (is_over(r))
		rr->herrno = TRY_AGAIN;
	return rr;
}

/* --- its result ------------------------------------------------------------ */

static enum spf_result
result_of(const struct spf2_run *r, SPF_response_t *response)
{
	static const enum spf_result results[] = {
		[SPF_RESULT_NEUTRAL] = SPF_NEUTRAL,
		[SPF_RESULT_PASS] = SPF_PASS,
		[SPF_RESULT_FAIL] = SPF_FAIL,
		[SPF_RESULT_SOFTFAIL] = SPF_SOFTFAIL,
		[SPF_RESULT_NONE] = SPF_NONE,
		[SPF_RESULT_TEMPERROR] = SPF_TEMPERROR,
		[SPF_RESULT_PERMERROR] = SPF_PERMERROR,
	};
	SPF_result_t result = response != NULL ? SPF_response_result(response)
					       : SPF_RESULT_INVALID;

	if (r->error == SPF_PERM)
		return SPF_PERMERROR;
	/* A text that failed it only gets over when it was the explanation. */
	if (r->error == SPF_TEMP &&
	    !(r->text_failed && result == SPF_RESULT_FAIL))
		return SPF_TEMPERROR;
	if (result != SPF_RESULT_INVALID)
		return results[result];
	switch ((int)SPF_response_errcode(response)) {
	case SPF_E_NOT_SPF:
		return SPF_NONE;
	case SPF_E_DNS_ERROR:
		return SPF_TEMPERROR;
	default:
		return SPF_PERMERROR;
	}
}

static void
verdict_of(const struct spf2_run *r, SPF_response_t *response,
	   struct arena *arena, struct spf_verdict *ret)
{
	const char *why = r->run.why, *comment = NULL;

	*ret = (struct spf_verdict){
		.result = result_of(r, response),
		.domain = arena_strdup(arena, r->run.sender_domain),
		.term = "",
		.lookups = r->run.lookups,
		.voids = r->run.voids,
	};
	if (ret->result != SPF_TEMPERROR && ret->result != SPF_PERMERROR)
		why = "";
	else if (r->error == 0)
		why = SPF_strerror(SPF_response_errcode(response));
	ret->why = arena_strdup(arena, why);
	if (r->error == 0)
		comment = SPF_response_get_header_comment(response);
	steps_say(r->run.steps, "libspf2: %s",
		  comment != NULL ? comment : ret->why);
}

/* Ask it. NULL: it had no memory, or did not like the question. */
static SPF_response_t *
query(struct spf2_run *r, SPF_server_t *server, SPF_request_t *request)
{
	const struct spf_question *q = r->run.question;
	SPF_response_t *response = NULL;
	struct in_addr ip4;
	struct in6_addr ip6;

	memcpy(&ip4, q->ip + 12, sizeof(ip4));
	memcpy(&ip6, q->ip, sizeof(ip6));
	must(SPF_server_set_rec_dom(server, q->receiver) == SPF_E_SUCCESS);
	if (r->run.is4)
		SPF_request_set_ipv4(request, ip4);
	else
		SPF_request_set_ipv6(request, ip6);
	SPF_request_set_helo_dom(request, q->helo);
	if (q->sender[0] != '\0')
		SPF_request_set_env_from(request, r->run.sender);
	SPF_request_query_mailfrom(request, &response);
	return response;
}

static int
run_ask(struct spf2_run *r, struct arena *arena, struct spf_verdict *ret)
{
	SPF_server_t *server = SPF_server_new_dns(&r->dns, 0);
	SPF_request_t *request = NULL;
	SPF_response_t *response = NULL;
	int result = 0;

	must(server != NULL);
	request = SPF_request_new(server);
	must(request != NULL);
	response = query(r, server, request);
	if (response == NULL && !is_over(r))
		r->refused = "it gives no answer";
	if (r->waits)
		result = -EAGAIN;
	else if (r->refused != NULL)
		result = -ENOTSUP;
	else
		verdict_of(r, response, arena, ret);
	SPF_response_free(response);
	SPF_request_free(request);
	SPF_server_free(server);
	return result;
}

int
spf_libspf2_try(const struct spf_question *question, struct answers *answers,
		struct arena *arena, struct steps *steps,
		struct spf_verdict *ret, const char **ret_refused)
{
	struct spf2_run r = {
		.run = {.answers = answers, .steps = steps},
		.dns = {.lookup = lookup, .name = "answers", .hook = &r},
	};
	int result = -ENOTSUP;

	STAILQ_INIT(&r.hosts);
	arena_init(&r.run.arena);
	steps_clear(steps);
	if (!spf_run_begin(&r.run, question))
		r.refused = "the domain can have no record";
	else
		r.refused = question_refused(&r.run);
	if (r.refused == NULL)
		result = run_ask(&r, arena, ret);
	if (result == -ENOTSUP)
		*ret_refused = arena_strdup(arena, r.refused);
	arena_done(&r.run.arena);
	return result;
}

int
spf_libspf2_check(const struct spf_question *question, struct answers *answers,
		  struct arena *arena, struct steps *steps,
		  struct spf_verdict *ret)
{
	const char *refused;
	int r = spf_libspf2_try(question, answers, arena, steps, ret, &refused);

	if (r != -ENOTSUP)
		return r;
	r = spf_check(question, answers, arena, steps, ret);
	if (r == 0)
		steps_say(steps, "libspf2 was not asked: %s", refused);
	return r;
}
