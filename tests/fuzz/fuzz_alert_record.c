/*
 * A stored value of the engine's: the first byte chooses the record.
 */
#include <stdint.h>
#include <stdlib.h>

#include "alert/alert_group.h"
#include "alert/history.h"
#include "alert/incident.h"
#include "alert/notice.h"
#include "alert/silence.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_incident(const uint8_t *data, size_t size, struct arena *arena)
{
	struct incident_who who;
	struct incident_core c;
	struct incident_text t;
	const void *text;
	size_t len;

	if (incident_decode(data, size, &c, &who, &text, &len) < 0)
		return;
	if (text != NULL)
		(void)incident_text_unpack(text, len, arena, &t);
}

static void
read_notice(const uint8_t *data, size_t size, struct arena *arena)
{
	struct notice_core c;
	struct notice_names names;
	struct notice_entry e;
	const uint8_t *at;
	size_t len;

	if (notice_decode(data, size, arena, &c, &names, &at, &len) < 0)
		return;
	for (size_t i = 0; at != NULL && i < len; i += NOTICE_ENTRY_LEN)
		notice_entry_unpack(at + i, &e);
}

static void
read_silence(const uint8_t *data, size_t size, struct arena *arena)
{
	struct engine_silence s;

	if (silence_decode(data, size, arena, &s) == 0)
		matchers_done(&s.matchers);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct group_core c;
	struct labels labels;
	struct arena arena;
	struct history h;
	const char *receiver;

	if (size == 0)
		return 0;
	arena_init(&arena);
	switch (data[0] % 5) {
	case 0:
		read_incident(data + 1, size - 1, &arena);
		break;
	case 1:
		(void)group_decode(data + 1, size - 1, &arena, &c, &receiver,
				   &labels);
		break;
	case 2:
		read_notice(data + 1, size - 1, &arena);
		break;
	case 3:
		read_silence(data + 1, size - 1, &arena);
		break;
	default:
		(void)history_decode(data + 1, size - 1, &arena, &h);
		break;
	}
	arena_done(&arena);
	return 0;
}
