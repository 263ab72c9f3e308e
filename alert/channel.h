/*
 * channel - the ways on which Belfry tells people.
 */
#ifndef ALERT_CHANNEL_H
#define ALERT_CHANNEL_H

enum channel {
	CHANNEL_MAIL,
	CHANNEL_SLACK,
	CHANNEL_WEBHOOK,
	CHANNEL_PAGERDUTY,
	CHANNEL_NTFY,
	CHANNEL_TEAMS,
	CHANNEL_EXEC,
	CHANNEL_NCHANNEL,
};
/* "mail", "slack", ... as the configuration has them. */
extern const char *const channel_names[];

#endif
