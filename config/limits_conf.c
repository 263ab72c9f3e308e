#include "config/config_impl.h"

#define LIMIT(key, kind, field, value, least, most, text)                      \
	{                                                                      \
		.name = (key), .type = (kind),                                 \
		.offset = offsetof(struct limits_conf, field),                 \
		.dflt = (value), .help = (text), .min = (least), .max = (most) \
	}

#define RATE(key, sample, text)                                                \
	{                                                                      \
		.name = #key, .type = CONF_RATE,                               \
		.offset = offsetof(struct rates_conf, key), .dflt = "\"\"",    \
		.help = (text), .example = (sample)                            \
	}

static const struct conf_option rates_options[] = {
	RATE(connections_per_ip, "100/1m",
	     "Connections from one address; of IPv6: from one /64."),
	RATE(connections_per_network, "500/1m",
	     "Connections from one network: a /24, of IPv6 a /56."),
	RATE(messages_per_ip, "1000/1h", "MAIL commands from one address."),
	RATE(messages_per_network, "5000/1h",
	     "MAIL commands from one network."),
	RATE(messages_per_user, "1000/1h",
	     "MAIL commands of one user, logged in or of the submit socket."),
	RATE(recipients_per_ip, "5000/1h", "RCPT commands from one address."),
	RATE(recipients_per_network, "20000/1h",
	     "RCPT commands from one network."),
	RATE(recipients_per_user, "5000/1d",
	     "RCPT commands of one user, logged in or of the submit socket."),
	{.name = NULL},
};

static const struct conf_table rates_table = {
	.size = sizeof(struct rates_conf),
	.options = rates_options,
};

static const struct conf_option limits_options[] = {
	LIMIT("message_size", CONF_SIZE, message_size, "50M", 1 << 10,
	      2LL << 30, "The largest message that is taken."),
	LIMIT("header_size", CONF_SIZE, header_size, "256K", 4 << 10, 1 << 20,
	      "The largest header of a message; beyond it 552 5.3.4."),
	LIMIT("text_line", CONF_SIZE, text_line, "64K", 1000, 1 << 20,
	      "The longest line of a message, its end included; lines are "
	      "never altered."),
	LIMIT("command_line", CONF_SIZE, command_line, "4K", 512, 64 << 10,
	      "The longest command line, its end included."),
	LIMIT("recipients", CONF_INT, recipients, "1000", 1, 100000,
	      "Recipients of one message; beyond it 452, and the client sends "
	      "the message again for the others."),
	LIMIT("connections", CONF_INT, connections, "4000", 1, 100000,
	      "Clients connected at the same time over all listeners; those of "
	      "the submit socket count apart."),
	LIMIT("connections_per_ip", CONF_INT, connections_per_ip, "50", 1,
	      100000,
	      "Clients connected at the same time from one address; of IPv6: "
	      "from one /64."),
	LIMIT("messages_per_connection", CONF_INT, messages_per_connection,
	      "1000", 1, 1000000000,
	      "Messages taken over one connection before it is closed."),
	LIMIT("errors", CONF_INT, errors, "20", 1, 10000,
	      "Refused commands after which a connection is closed; of a "
	      "stranger also commands that lead to nothing (EHLO, NOOP, RSET, "
	      "VRFY, HELP), but for the first hundred since the last "
	      "message."),
	LIMIT("unknown_recipients", CONF_INT, unknown_recipients, "20", 1,
	      10000,
	      "Recipients that are not taken after which a connection is "
	      "closed: who names so many of them is guessing."),
	LIMIT("command_time", CONF_TIME, command_time_ms, "5m", 100, 3600000,
	      "How long a client may take for a whole command."),
	LIMIT("data_rate_min", CONF_INT, data_rate_min, "500", 0, 1000000000,
	      "Bytes per second at which the data of a message must come, as a "
	      "whole, after 30 seconds (after command_time, where that is "
	      "less); 0: as slowly as it likes."),
	LIMIT("banner_delay", CONF_TIME, banner_delay_ms, "0s", 0, 60000,
	      "How long a client that is not in `trust` waits for the banner; "
	      "who speaks before it is not served, also at 0s when it is that "
	      "early."),
	LIMIT("received_fields", CONF_INT, received_fields, "50", 1, 1000,
	      "Received fields of a message; more are a loop."),
	{.name = "rates",
	 .type = CONF_TABLE,
	 .offset = offsetof(struct limits_conf, rates),
	 .dflt = "{}",
	 .help = "How often something may happen, of whom `trust` of the "
		 "listener does not name; empty: as often as it comes.",
	 .table = &rates_table},
	{.name = NULL},
};

const struct conf_table limits_conf_table = {
	.size = sizeof(struct limits_conf),
	.options = limits_options,
	.mark_offset = offsetof(struct limits_conf, mark),
};
