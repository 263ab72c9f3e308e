/*
 * api_body - what is in a message: for root and our own user only.
 *
 * Whoever opens the admin socket may hold and remove; reading other people's
 * mail is another right.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "relay/api.h"

bool
api_body_may(struct api_call *call)
{
	uid_t uid = http_request_uid(call->http);

	if (uid == 0 || uid == geteuid())
		return true;
	api_log(call, "body_refused", NULL);
	api_error(call, 403, "only root and belfryd's user may read messages",
		  "run it as one of them, by the admin socket");
	return false;
}

static void
body_read(void *arg, const char *data, ssize_t len, bool cut)
{
	struct api_call *call = arg;

	if (len >= 0)
		api_answer_raw(call, cut ? 206 : 200, "message/rfc822", data,
			       (size_t)len);
	else if (len == -ENOENT)
		api_error(call, 404, "no such message",
			  "it was delivered, returned or removed; see the "
			  "log for its id");
	else if (len == -EBADMSG)
		api_error(call, 500, "what is stored is damaged",
			  "its envelope is shown by `belfry queue show`");
	else
		api_error(call, 503, strerror((int)-len), "try again");
}

void
api_queue_body(struct api_call *call)
{
	int64_t page = 0;

	if (!api_body_may(call) ||
	    !api_query_number(call, "page", 0, UINT32_MAX, &page))
		return;
	if (page == 0)
		api_log(call, "body", NULL);
	if (queue_piece(call->relay->queue, call->id, (uint32_t)page,
			relay_home(call->relay), body_read, call) < 0)
		api_error(call, 503, "too many listings at once", "try again");
}
