#include "config/config_impl.h"

#include <string.h>

static const char *const notify_names[CONFIG_NNOTIFY] = {
	[CONFIG_NOTIFY_DOUBLE_BOUNCE] = "double_bounce",
	[CONFIG_NOTIFY_PROTOCOL] = "protocol",
	[CONFIG_NOTIFY_STORE] = "store",
};

/* Into `kinds`. */
static bool
notify_check(void *field, const struct conf_mark *mark,
	     struct conf_errors *errors)
{
	struct notify_conf *n = field;
	bool ok = true;

	(void)mark;
	for (size_t i = 0; i < n->postmaster.n; i++) {
		int k = 0;

		while (k < CONFIG_NNOTIFY &&
		       strcmp(n->postmaster.v[i], notify_names[k]) != 0)
			k++;
		if (k < CONFIG_NNOTIFY) {
			n->kinds |= 1u << k;
			continue;
		}
		conf_error(errors, &n->postmaster.marks[i],
			   "`postmaster` lists double_bounce, protocol and "
			   "store, not `%s`",
			   n->postmaster.v[i]);
		ok = false;
	}
	return ok;
}

static const struct conf_option notify_options[] = {
	{.name = "postmaster",
	 .type = CONF_STRINGS,
	 .offset = offsetof(struct notify_conf, postmaster),
	 .dflt = "[]",
	 .help = "What `postmaster` gets a mail of, at most one an hour of "
		 "each: double_bounce (mail that could not be returned), "
		 "protocol (clients that break it), store (full, damaged, put "
		 "back, a backup that failed).",
	 .example = "[double_bounce, store]"},
	{.name = NULL},
};

const struct conf_table notify_conf_table = {
	.size = sizeof(struct notify_conf),
	.options = notify_options,
	.check = notify_check,
};
