#include "config/config_impl.h"

#include <string.h>

#include "base/utf8.h"

static const char *const engine_names[] = {"belfry", "libspf2", NULL};
static const char *const length_tag_names[] = {"fail", "allow", NULL};
static const char *const method_names[] = {"treewalk", "psl", NULL};
static const char *const on_temperror_names[] = {"tempfail", "accept", NULL};

static const char *const action_names[] = {
	[VERDICT_DO_MARK] = "mark",         [VERDICT_DO_HOLD] = "hold",
	[VERDICT_DO_TEMPFAIL] = "tempfail", [VERDICT_DO_REJECT] = "reject",
	[VERDICT_DO_DISCARD] = "discard",   [VERDICT_DO_DISCARD + 1] = NULL,
};

static const struct conf_option spf_options[] = {
	{.name = "engine",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct verdict_spf_conf, engine),
	 .dflt = "belfry",
	 .help = "Who evaluates SPF records: Belfry, or libspf2 behind a "
		 "guard, for who trusts nobody's own; it knows less of "
		 "them.",
	 .names = engine_names},
	{.name = "reject_fail",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct verdict_spf_conf, reject_fail),
	 .dflt = "false",
	 .help = "Refuse mail whose HELO or sender's domain says that the "
		 "client may not send it, also when DKIM vouches for it."},
	{.name = "received_spf",
	 .type = CONF_BOOL,
	 .offset = offsetof(struct verdict_spf_conf, received_spf),
	 .dflt = "false",
	 .help = "Add the field Received-SPF, too."},
	{.name = NULL},
};

static const struct conf_table spf_table = {
	.size = sizeof(struct verdict_spf_conf),
	.options = spf_options,
};

static const struct conf_option dkim_options[] = {
	{.name = "body_length_tag",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct verdict_dkim_conf, body_length_tag),
	 .dflt = "fail",
	 .help = "What becomes of a signature that by `l=` leaves a part of "
		 "the body out, where anybody may have added something.",
	 .names = length_tag_names},
	{.name = NULL},
};

static const struct conf_table dkim_table = {
	.size = sizeof(struct verdict_dkim_conf),
	.options = dkim_options,
};

static const struct conf_option dmarc_options[] = {
	{.name = "method",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct verdict_dmarc_conf, method),
	 .dflt = "treewalk",
	 .help = "How the organisational domain is found: by asking the DNS "
		 "(RFC 9989), or by the public suffix list.",
	 .names = method_names},
	{.name = "on_reject",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct verdict_dmarc_conf, on_reject),
	 .dflt = "mark",
	 .help = "What to do with mail that fails, and whose author's domain "
		 "asks for its rejection.",
	 .names = action_names},
	{.name = "on_quarantine",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct verdict_dmarc_conf, on_quarantine),
	 .dflt = "mark",
	 .help = "The same where it asks for quarantine.",
	 .names = action_names},
	{.name = NULL},
};

static const struct conf_table dmarc_table = {
	.size = sizeof(struct verdict_dmarc_conf),
	.options = dmarc_options,
};

static const struct conf_option dns_options[] = {
	{.name = "deadline",
	 .type = CONF_TIME,
	 .offset = offsetof(struct verdict_dns_conf, deadline_ms),
	 .dflt = "10s",
	 .help = "How long the DNS may take for all questions of a message; "
		 "what is open then is a temporary error.",
	 .min = 100,
	 .max = 300000},
	{.name = "lookups",
	 .type = CONF_INT,
	 .offset = offsetof(struct verdict_dns_conf, lookups),
	 .dflt = "100",
	 .help = "How many questions a message may cost; further ones are a "
		 "temporary error.",
	 .min = 20,
	 .max = 1000},
	{.name = NULL},
};

static const struct conf_table dns_table = {
	.size = sizeof(struct verdict_dns_conf),
	.options = dns_options,
};

/* --- whose Authentication-Results ---------------------------------------------- */

static bool
vc_id_ok(const char *id)
{
	size_t n = 0;

	while ((unsigned char)id[n] > ' ' && id[n] != 0x7f &&
	       strchr("()<>@,;:\\\"/[]?=", id[n]) == NULL)
		n++;
	return n > 0 && id[n] == '\0' && utf8_is_ascii(id);
}

static bool
vc_check_id(void *field, const struct conf_mark *mark,
	    struct conf_errors *errors)
{
	const char *id = *(char **)field;

	if (vc_id_ok(id))
		return true;
	conf_error(errors, mark,
		   "the id of Authentication-Results is a name like "
		   "mx1.example.org, not `%s`",
		   id);
	return false;
}

static bool
vc_check_id_or_none(void *field, const struct conf_mark *mark,
		    struct conf_errors *errors)
{
	return (*(char **)field)[0] == '\0' || vc_check_id(field, mark, errors);
}

static const struct conf_option trusted_options[] = {
	{.name = "id",
	 .type = CONF_STRING,
	 .offset = offsetof(struct trusted_authserv, id),
	 .help = "Who speaks in the field.",
	 .check = vc_check_id,
	 .example = "edge.example.org"},
	{.name = "networks",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct trusted_authserv, networks),
	 .help = "The clients from which such a field is believed; from "
		 "others it is removed.",
	 .example = "[servers]"},
	{.name = NULL},
};

static const struct conf_table trusted_table = {
	.size = sizeof(struct trusted_authserv),
	.options = trusted_options,
	.mark_offset = offsetof(struct trusted_authserv, mark),
};

static const struct conf_option observed_options[] = {
	{.name = "max_size",
	 .type = CONF_SIZE,
	 .offset = offsetof(struct observed_conf, max_size),
	 .dflt = "256M",
	 .help = "What all files together may have; the oldest go first.",
	 .min = 1 << 20,
	 .max = 64LL << 30},
	{.name = "max_age",
	 .type = CONF_TIME,
	 .offset = offsetof(struct observed_conf, max_age_ms),
	 .dflt = "7d",
	 .help = "How long a file waits to be fetched.",
	 .min = 3600000,
	 .max = INT64_C(366) * 86400000},
	{.name = NULL},
};

static const struct conf_table observed_table = {
	.size = sizeof(struct observed_conf),
	.options = observed_options,
};

static const struct conf_option verdict_options[] = {
	{.name = "spf",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct verdict_conf, spf),
	 .dflt = "{}",
	 .help = "May this client send for that domain?",
	 .table = &spf_table},
	{.name = "dkim",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct verdict_conf, dkim),
	 .dflt = "{}",
	 .help = "Who signed it?",
	 .table = &dkim_table},
	{.name = "dmarc",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct verdict_conf, dmarc),
	 .dflt = "{}",
	 .help = "Is it from its author's domain?",
	 .table = &dmarc_table},
	{.name = "on_temperror",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct verdict_conf, on_temperror),
	 .dflt = "tempfail",
	 .help = "What to do when the DNS could not be asked: 451, only "
		 "where the author's domain might ask for quarantine or "
		 "rejection, or spf.reject_fail might refuse; or accept.",
	 .names = on_temperror_names},
	{.name = "dns",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct verdict_conf, dns),
	 .dflt = "{}",
	 .help = "What a message may cost.",
	 .table = &dns_table},
	{.name = "authserv_id",
	 .type = CONF_STRING,
	 .offset = offsetof(struct verdict_conf, authserv_id),
	 .dflt = "\"\"",
	 .help = "Our name in Authentication-Results; empty: hostname.",
	 .check = vc_check_id_or_none,
	 .example = "mx1.example.org"},
	{.name = "trusted_authserv",
	 .type = CONF_LIST,
	 .offset = offsetof(struct verdict_conf, trusted_authserv),
	 .dflt = "[]",
	 .help = "Hosts that judge mail before us, whose "
		 "Authentication-Results stay.",
	 .table = &trusted_table,
	 .example = "[{id: edge.example.org, networks: [servers]}]"},
	{.name = "observed",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct verdict_conf, observed),
	 .dflt = "{}",
	 .help = "What is kept of each verdict for our own DMARC reports, a "
		 "line a message.",
	 .table = &observed_table},
	{.name = NULL},
};

const struct conf_table verdict_conf_table = {
	.size = sizeof(struct verdict_conf),
	.options = verdict_options,
	.mark_offset = offsetof(struct verdict_conf, mark),
};

/* --- what is worth saying ------------------------------------------------------ */

static void
vc_warn_action(const struct verdict_conf *c, int action, const char *key,
	       struct conf_errors *errors)
{
	if (action == VERDICT_DO_HOLD)
		conf_warning(errors, &c->mark,
			     "dmarc.%s is hold: nobody is told of what is "
			     "held, sender nor recipient; `belfry queue list` "
			     "shows it, behind belfry-milter `mailq`",
			     key);
	if (action == VERDICT_DO_DISCARD)
		conf_warning(errors, &c->mark,
			     "dmarc.%s is discard: nobody is told of what is "
			     "discarded, sender nor recipient",
			     key);
}

/* Who is to be believed must be somebody. */
static bool
vc_check_listeners(const struct config *c, struct conf_errors *errors)
{
	bool ok = true;

	for (size_t i = 0; i < c->listeners.n; i++) {
		const struct listener_conf *l = config_listener(c, i);

		if (!config_judges(l) || l->verdict != CONFIG_VERDICT_TRUSTED ||
		    c->verdict.trusted_authserv.n > 0)
			continue;
		conf_error(errors, &l->mark,
			   "`verdict: trusted` needs an entry of "
			   "verdict.trusted_authserv: whose field it is");
		ok = false;
	}
	return ok;
}

bool
config_resolve_verdict(struct config *c, struct arena *arena,
		       struct conf_errors *errors)
{
	const struct verdict_conf *v = &c->verdict;
	struct trusted_authserv *trusted = v->trusted_authserv.v;
	bool ok = vc_check_listeners(c, errors);

	for (size_t i = 0; i < v->trusted_authserv.n; i++) {
		struct trusted_authserv *t = &trusted[i];

		ok = networks_resolve(&t->networks, &c->networks, arena, errors,
				      &t->believed) &&
		     ok;
		for (size_t j = 0; ok && j < t->believed.n; j++)
			if (network_is_wide(&t->believed.v[j]))
				conf_warning(errors, &t->mark,
					     "`%s` is believed from more than "
					     "private networks: whoever is "
					     "there may say what he wants of "
					     "his mail",
					     t->id);
	}
	if (v->spf.engine == SPF_ENGINE_LIBSPF2)
		conf_warning(errors, &v->mark,
			     "spf.engine is libspf2: it takes `redirect` "
			     "before its turn and explains nothing, and "
			     "Belfry's own answers where it is not safe");
	vc_warn_action(v, v->dmarc.on_reject, "on_reject", errors);
	vc_warn_action(v, v->dmarc.on_quarantine, "on_quarantine", errors);
	return ok;
}
