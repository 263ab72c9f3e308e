#include "alert/source.h"

const char *const source_kind_names[] = {
	[SOURCE_ALERTMANAGER] = "alertmanager",
	[SOURCE_GRAFANA] = "grafana",
	[SOURCE_SENTRY] = "sentry",
	[SOURCE_UPTIMEROBOT] = "uptimerobot",
	[SOURCE_UPTIMEKUMA] = "uptimekuma",
	[SOURCE_STATUSPAGE] = "statuspage",
	[SOURCE_PAPERTRAIL] = "papertrail",
	[SOURCE_GITHUB] = "github",
	[SOURCE_GENERIC] = "generic",
	[SOURCE_MAIL] = "mail",
	[SOURCE_CLI] = "cli",
	[SOURCE_OWN] = "own",
	[SOURCE_NKIND] = NULL,
};
