#include "alert/channel.h"

#include <stddef.h>

const char *const channel_names[] = {
	[CHANNEL_MAIL] = "mail",       [CHANNEL_SLACK] = "slack",
	[CHANNEL_WEBHOOK] = "webhook", [CHANNEL_PAGERDUTY] = "pagerduty",
	[CHANNEL_NTFY] = "ntfy",       [CHANNEL_TEAMS] = "teams",
	[CHANNEL_EXEC] = "exec",       [CHANNEL_NCHANNEL] = NULL,
};
