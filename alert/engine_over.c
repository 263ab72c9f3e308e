#include "alert/engine_impl.h"

bool
engine_is_over(struct engine *e, uint64_t id)
{
	const struct incident *in = engine_find_id(e, id);

	return in == NULL || in->c.state == INCIDENT_RESOLVED;
}
