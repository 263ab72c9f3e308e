/*
 * engine_mail - which groups a mail told: its own, and those that joined it.
 */
#ifndef ALERT_ENGINE_MAIL_H
#define ALERT_ENGINE_MAIL_H

#include "alert/engine_impl.h"

struct told_group {
	struct alert_group *group;
	uint32_t seq; /* of the mail, there */
};
/* Those that the notice SEQ of GROUP to RECIPIENT told; *RET in ARENA. */
size_t mail_groups(struct engine *e, uint64_t group, uint32_t seq,
		   const char *recipient, struct arena *arena,
		   struct told_group **ret);
/* C's message, whose number is set, is a part of that mail. */
void notice_note_joined(struct notice_core *c, uint64_t lead,
			uint32_t lead_seq);

#endif
