#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "queue/store_backup.h"
#include "relay/api.h"

/* --- backup ---------------------------------------------------------------- */

static json_t *
api_backup_json(const struct store_backup_info *info)
{
	json_t *json =
		json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "state",
			  store_backup_state_names[info->state], "dir",
			  info->dir, "bytes", (json_int_t)info->bytes,
			  "expected_bytes", (json_int_t)info->expected,
			  "started_ms", (json_int_t)info->started_ms,
			  "ended_ms", (json_int_t)info->ended_ms,
			  "last_success_ms", (json_int_t)info->success_ms);

	if (info->state == STORE_BACKUP_FAILED) {
		json_object_set_new(json, "error", json_string(info->error));
		json_object_set_new(json, "help", json_string(info->help));
	}
	return json;
}

void
api_store_backup_look(struct api_call *call)
{
	struct store_backup_info info;

	store_backup_look(queue_store(call->relay->queue), &info);
	api_answer(call, 200, api_backup_json(&info));
}

/* It goes on in its own thread; whoever asked looks how it goes. */
void
api_store_backup(struct api_call *call)
{
	struct store *store = queue_store(call->relay->queue);
	const char *dir = json_string_value(json_object_get(call->body, "dir"));
	int r;

	if (dir == NULL) {
		api_error(call, 400, "no folder", "name it in `dir`");
		return;
	}
	api_log(call, "store backup", dir);
	r = store_backup_start(store, dir);
	if (r == 0)
		api_store_backup_look(call);
	else if (r == -EBUSY)
		api_error(call, 409, "another backup is under way",
			  "wait until it has ended");
	else if (r == -EINVAL)
		api_error(call, 400, "bad folder",
			  "an absolute path of at most 1,000 bytes");
	else
		api_error(call, 503, strerror(-r), "try again");
}

/* --- schema ---------------------------------------------------------------- */

/* There is one schema: whatever opens has it, and has nothing above it. */
void
api_store_upgrade(struct api_call *call)
{
	json_int_t schema = store_schema();

	api_log(call, "store upgrade", NULL);
	api_answer(call, 200,
		   json_pack("{s:I, s:I, s:s}", "schema", schema, "newest",
			     schema, "result", "newest"));
}

json_t *
api_store_json(const struct relay *r, const struct queue_stats *s)
{
	struct store *store = queue_store(r->queue);
	struct store_backup_info backup;
	json_t *json = json_object();

	store_backup_look(store, &backup);
	json_object_set_new(json, "used_bytes",
			    json_integer((json_int_t)s->used_bytes));
	json_object_set_new(json, "limit_bytes",
			    json_integer((json_int_t)s->limit_bytes));
	json_object_set_new(
		json, "reserve_bytes",
		json_integer((json_int_t)store_reserve_bytes(store)));
	json_object_set_new(
		json, "room",
		json_boolean(store_has_room(store, STORE_NEED_MAIL)));
	json_object_set_new(json, "schema", json_integer(store_schema()));
	json_object_set_new(json, "last_backup_ms",
			    json_integer(backup.success_ms));
	return json;
}
