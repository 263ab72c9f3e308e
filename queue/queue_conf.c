#include "queue/queue.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* --- store ----------------------------------------------------------------- */

/* "5%" to 5; -1: no percentage. */
static int
queue_percent(const char *s)
{
	size_t digits = strspn(s, "0123456789");

	if (digits == 0 || digits > 2 || strcmp(s + digits, "%") != 0)
		return -1;
	return (int)strtol(s, NULL, 10);
}

int64_t
queue_store_reserve(const struct queue_store_conf *conf)
{
	int percent = queue_percent(conf->reserve);
	int64_t bytes;

	if (percent >= 0)
		return conf->max_size / 100 * percent;
	return conf_parse_size(conf->reserve, &bytes) == 0 ? bytes : 0;
}

static bool
queue_check_store(void *field, const struct conf_mark *mark,
		  struct conf_errors *errors)
{
	const struct queue_store_conf *conf = field;
	int64_t bytes;

	if (queue_percent(conf->reserve) < 0 &&
	    conf_parse_size(conf->reserve, &bytes) < 0) {
		conf_error(errors, mark,
			   "`reserve` is a percentage of max_size or a size, "
			   "like 5%% or 1G, not `%s`",
			   conf->reserve);
		return false;
	}
	if (queue_store_reserve(conf) > conf->max_size / 2) {
		conf_error(errors, mark,
			   "`reserve` is %s, more than half of max_size, "
			   "which is %s",
			   conf->reserve,
			   conf_size_text(conf->max_size, &errors->arena));
		return false;
	}
	return true;
}

static const struct conf_option queue_store_options[] = {
	{.name = "max_size",
	 .type = CONF_SIZE,
	 .offset = offsetof(struct queue_store_conf, max_size),
	 .dflt = "20G",
	 .help = "The most that the store may take on the disk; when it is "
		 "full, mail is refused with 452 until there is room.",
	 .min = 16LL << 20,
	 .max = 16LL << 40},
	{.name = "reserve",
	 .type = CONF_STRING,
	 .offset = offsetof(struct queue_store_conf, reserve),
	 .dflt = "5%",
	 .help = "What stays free for the outcome of mail already accepted: a "
		 "percentage of max_size, or a size.",
	 .example = "1G"},
	{.name = "keep_delivered",
	 .type = CONF_TIME,
	 .offset = offsetof(struct queue_store_conf, keep_delivered_ms),
	 .dflt = "0s",
	 .help = "How long the content of a message stays after all of its "
		 "recipients have it. It counts against max_size, and goes "
		 "when the room is needed.",
	 .example = "1d",
	 .max = 366LL * 86400000},
	{.name = "keep_bounced",
	 .type = CONF_TIME,
	 .offset = offsetof(struct queue_store_conf, keep_bounced_ms),
	 .dflt = "0s",
	 .help = "The same for a message that failed for some recipient, after "
		 "its sender was told.",
	 .example = "7d",
	 .max = 366LL * 86400000},
	{.name = NULL},
};

const struct conf_table queue_store_conf_table = {
	.size = sizeof(struct queue_store_conf),
	.options = queue_store_options,
	.check = queue_check_store,
};

/* --- delivery.retry -------------------------------------------------------- */

static bool
queue_check_factor(void *field, const struct conf_mark *mark,
		   struct conf_errors *errors)
{
	double v = *(double *)field;

	if (v >= 1 && v <= 10)
		return true;
	conf_error(errors, mark,
		   "`factor` is %g, which is out of range: from 1 to 10", v);
	return false;
}

static bool
queue_check_jitter(void *field, const struct conf_mark *mark,
		   struct conf_errors *errors)
{
	double v = *(double *)field;

	if (v >= 0 && v <= 0.5)
		return true;
	conf_error(errors, mark,
		   "`jitter` is %g, which is out of range: from 0 to 0.5", v);
	return false;
}

static bool
queue_check_retry(void *field, const struct conf_mark *mark,
		  struct conf_errors *errors)
{
	const struct queue_retry_conf *conf = field;

	if (conf->first_ms <= conf->max_ms)
		return true;
	conf_error(errors, mark,
		   "`first` is %s, longer than `max`, which is %s",
		   conf_time_text(conf->first_ms, &errors->arena),
		   conf_time_text(conf->max_ms, &errors->arena));
	return false;
}

static const struct conf_option queue_retry_options[] = {
	{.name = "first",
	 .type = CONF_TIME,
	 .offset = offsetof(struct queue_retry_conf, first_ms),
	 .dflt = "1m",
	 .help = "The time between the first try and the second.",
	 .min = 10,
	 .max = 86400000},
	{.name = "factor",
	 .type = CONF_FLOAT,
	 .offset = offsetof(struct queue_retry_conf, factor),
	 .dflt = "2",
	 .help = "By how much each wait is longer than the one before, from 1 "
		 "to 10.",
	 .check = queue_check_factor},
	{.name = "max",
	 .type = CONF_TIME,
	 .offset = offsetof(struct queue_retry_conf, max_ms),
	 .dflt = "1h",
	 .help = "The longest wait between two tries; alerts wait 2 minutes at "
		 "most.",
	 .min = 10,
	 .max = 7LL * 86400000},
	{.name = "jitter",
	 .type = CONF_FLOAT,
	 .offset = offsetof(struct queue_retry_conf, jitter),
	 .dflt = "0.1",
	 .help = "How much of a wait is left to chance, so that messages do "
		 "not come back all at once, from 0 to 0.5.",
	 .check = queue_check_jitter},
	{.name = NULL},
};

const struct conf_table queue_retry_conf_table = {
	.size = sizeof(struct queue_retry_conf),
	.options = queue_retry_options,
	.check = queue_check_retry,
};

/* --- delivery.per_destination ---------------------------------------------- */

static const struct conf_option queue_destination_options[] = {
	{.name = "connections",
	 .type = CONF_INT,
	 .offset = offsetof(struct queue_destination_conf, connections),
	 .dflt = "20",
	 .help = "Connections to one destination at the same time; fewer after "
		 "some of them failed, until as many have worked.",
	 .min = 1,
	 .max = 10000},
	{.name = "messages_per_connection",
	 .type = CONF_INT,
	 .offset = offsetof(struct queue_destination_conf,
			    messages_per_connection),
	 .dflt = "100",
	 .help = "Messages sent over one connection before it is closed.",
	 .min = 1,
	 .max = 1000000},
	{.name = "recipients_per_message",
	 .type = CONF_INT,
	 .offset = offsetof(struct queue_destination_conf,
			    recipients_per_message),
	 .dflt = "100",
	 .help = "Recipients of one transaction; a message with more is sent "
		 "in several.",
	 .min = 1,
	 .max = 10000},
	{.name = "rate",
	 .type = CONF_RATE,
	 .offset = offsetof(struct queue_destination_conf, rate),
	 .dflt = "\"\"",
	 .help = "Messages sent to one destination by SMTP in any time of that "
		 "length: 100/1m; those with more than recipients_per_message "
		 "recipients count several times. The others wait. Empty: no "
		 "limit.",
	 .example = "100/1m"},
	{.name = NULL},
};

const struct conf_table queue_destination_conf_table = {
	.size = sizeof(struct queue_destination_conf),
	.options = queue_destination_options,
};
