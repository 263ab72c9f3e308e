#include "alert/render.h"

const char *const notice_kind_names[] = {
	[NOTICE_FIRING] = "firing",     [NOTICE_MORE] = "more",
	[NOTICE_REMINDER] = "reminder", [NOTICE_ESCALATION] = "escalation",
	[NOTICE_FALLBACK] = "fallback", [NOTICE_RECOVERY] = "recovery",
	[NOTICE_PARTLY] = "partly",     [NOTICE_WAS_DOWN] = "was_down",
	[NOTICE_STALE] = "stale",       [NOTICE_FLAPPING] = "flapping",
	[NOTICE_DIGEST] = "digest",     [NOTICE_MUTE_BEGIN] = "mute_begin",
	[NOTICE_MUTE_END] = "mute_end", [NOTICE_CLOSED] = "closed",
	[NOTICE_ACKED] = "acked",       [NOTICE_NKIND] = NULL,
};
