/*
 * render_kit - notices of every kind, and the files that say what becomes of
 * them.
 */
#ifndef TESTS_UNIT_RENDER_KIT_H
#define TESTS_UNIT_RENDER_KIT_H

#include <sys/stat.h>
#include <unistd.h>

#include "alert/render.h"
#include "tests/unit/test.h"

#define ROWS(t) (sizeof(t) / sizeof((t)[0]))

struct kit_row {
	const char *name;
	struct render_notice notice; /* what kit_notice() lets stand */
};
extern const struct kit_row kit_rows[]; /* a NULL name ends */

const struct kit_row *kit_find(const char *name);
/* With all the rest that a notice has. */
struct render_notice kit_notice(const struct kit_row *row);

struct render *kit_render(const char *templates);
struct render *kit_render_from(const char *from);
struct render *kit_render_reply(const char *reply);
int kit_render_try(const char *templates, struct conf_errors *e,
		   struct render **ret);

/* What goes to the endpoint oncall/x/0. */
void kit_send(const struct render *r, enum channel channel,
	      const struct render_notice *n, struct buf *out);
/* Behind the empty line. */
const char *kit_body(const struct buf *out);
/* The value of a field; "" for one that is not there. */
const char *kit_field(const struct buf *out, const char *name, size_t nth,
		      char ret[static 8192]);

/* OUT is what stands in tests/alert/NAME.EXT. */
void kit_compare(const char *name, const char *ext, const struct buf *out);

#endif
