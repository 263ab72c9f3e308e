#include "config/config_impl.h"

static const struct conf_option drop_options[] = {
	{.name = "messages",
	 .type = CONF_INT,
	 .offset = offsetof(struct drop_conf, messages),
	 .dflt = "1000",
	 .help = "Messages of one user taken from drop_dir in an hour; what is "
		 "over it waits.",
	 .min = 1,
	 .max = 1000000000},
	{.name = "size",
	 .type = CONF_SIZE,
	 .offset = offsetof(struct drop_conf, bytes),
	 .dflt = "256M",
	 .help = "How much of one user is taken from drop_dir in an hour. A "
		 "larger message is taken by itself.",
	 .min = 1 << 10,
	 .max = 1LL << 40},
	{.name = "keep_bad",
	 .type = CONF_TIME,
	 .offset = offsetof(struct drop_conf, keep_bad_ms),
	 .dflt = "30d",
	 .help = "How long a file that can't be taken stays in drop_dir as "
		 "`bad.` and its name.",
	 .min = 1000,
	 .max = INT64_C(3650) * 24 * 3600 * 1000},
	{.name = NULL},
};

const struct conf_table drop_conf_table = {
	.size = sizeof(struct drop_conf),
	.options = drop_options,
};
