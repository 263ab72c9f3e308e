#include "config/config_impl.h"

static bool
log_check_to(void *field, const struct conf_mark *mark,
	     struct conf_errors *errors)
{
	const char *to = *(char **)field;

	if (log_target_ok(to))
		return true;
	conf_error(errors, mark,
		   "`to` is stderr, syslog:FACILITY (like syslog:mail) or a "
		   "path that begins with `/`, not `%s`",
		   to);
	return false;
}

static const struct conf_option log_options[] = {
	{.name = "to",
	 .type = CONF_STRING,
	 .offset = offsetof(struct log_conf, to),
	 .dflt = "stderr",
	 .help = "Where lines go: stderr, syslog:FACILITY or a file, which is "
		 "opened again at a reload.",
	 .check = log_check_to,
	 .example = "syslog:mail"},
	{.name = "format",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct log_conf, format),
	 .dflt = "logfmt",
	 .help = "How a line is written.",
	 .names = log_format_names},
	{.name = "level",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct log_conf, level),
	 .dflt = "info",
	 .help = "The least important lines that are written.",
	 .names = log_level_names},
	{.name = "addresses",
	 .type = CONF_ENUM,
	 .offset = offsetof(struct log_conf, addresses),
	 .dflt = "plain",
	 .help = "What of mail addresses is written, also in replies that "
		 "quote them: all, a fingerprint that is the same for the "
		 "same address, or the domain.",
	 .names = log_addresses_names},
	{.name = NULL},
};

const struct conf_table log_conf_table = {
	.size = sizeof(struct log_conf),
	.options = log_options,
};
