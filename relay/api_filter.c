/*
 * api_filter - which messages a query means: `to sender dest before_ms held
 * corrupt all`, and where to go on: `from limit`. Each is there once: more, and
 * what else there is, the table of paths has refused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "relay/api.h"

#define FILTER_ROWS_MAX 1000

struct api_filter {
	struct queue_filter f;
	struct pattern *to, *sender; /* owned */
	char *dest;                  /* owned */
};

void
api_filter_free(struct api_filter **fp)
{
	struct api_filter *f = *fp;

	*fp = NULL;
	if (f == NULL)
		return;
	pattern_free(&f->to);
	pattern_free(&f->sender);
	free(f->dest);
	free(f);
}

const struct queue_filter *
api_filter(const struct api_call *call)
{
	return &call->filter->f;
}

bool
api_filter_is_empty(const struct api_call *call)
{
	const struct queue_filter *f = &call->filter->f;

	return f->to == NULL && f->sender == NULL && !f->null_sender &&
	       f->dest == NULL && f->before_ms == 0 && !f->held && !f->corrupt;
}

/* The parameter NAME when it is there. False: the error was answered. */
static bool
fl_pattern(struct api_call *call, const char *name, struct pattern **ret)
{
	const char *text = http_request_query(call->http, name);
	const char *delimiter = relay_config(call->relay)->recipient_delimiter;
	char *why = NULL, *error;

	if (text == NULL || pattern_new(text, delimiter[0], ret, &why) == 0)
		return true;
	error = xasprintf("bad pattern in `%s`: %s", name, why);
	api_error(call, 400, error,
		  "an address, a domain, .domain, a glob or /expression/");
	free(error);
	free(why);
	return false;
}

bool
api_query_number(struct api_call *call, const char *name, int64_t least,
		 int64_t most, int64_t *ret)
{
	const char *text = http_request_query(call->http, name);
	char *end, *error;
	long long n;

	if (text == NULL)
		return true;
	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno == 0 && *text != '\0' && *end == '\0' && n >= least &&
	    n <= most) {
		*ret = n;
		return true;
	}
	error = xasprintf("bad %s", name);
	api_error(call, 400, error, "see the documentation of the API");
	free(error);
	return false;
}

static bool
fl_flag(struct api_call *call, const char *name, bool *ret)
{
	int64_t n = 0;

	if (!api_query_number(call, name, 0, 1, &n))
		return false;
	*ret = n == 1;
	return true;
}

static bool
fl_sender(struct api_call *call, struct api_filter *f)
{
	const char *text = http_request_query(call->http, "sender");

	f->f.null_sender = text != NULL && strcmp(text, "<>") == 0;
	return f->f.null_sender || fl_pattern(call, "sender", &f->sender);
}

bool
api_query_from(struct api_call *call, uint64_t *ret)
{
	const char *from = http_request_query(call->http, "from");

	*ret = 0;
	if (from == NULL || queue_id_parse(from, ret) == 0)
		return true;
	api_error(call, 400, "bad id in `from`",
		  "give `next` of the answer before");
	return false;
}

bool
api_filter_read(struct api_call *call, uint64_t *ret_from, size_t *ret_rows)
{
	struct api_filter *f = xcalloc(1, sizeof(*f));
	const char *dest = http_request_query(call->http, "dest");
	int64_t rows = (int64_t)*ret_rows;

	call->filter = f;
	if (!fl_pattern(call, "to", &f->to) || !fl_sender(call, f) ||
	    !api_query_number(call, "before_ms", 1, INT64_MAX,
			      &f->f.before_ms) ||
	    !fl_flag(call, "held", &f->f.held) ||
	    !fl_flag(call, "corrupt", &f->f.corrupt) ||
	    !fl_flag(call, "all", &call->filter_all) ||
	    !api_query_number(call, "limit", 1, FILTER_ROWS_MAX, &rows) ||
	    !api_query_from(call, ret_from))
		return false;
	if (dest != NULL && dest[0] == '\0') {
		api_error(call, 400, "no destination in `dest`",
			  "`belfry queue stats` names them");
		return false;
	}
	if (dest != NULL)
		f->dest = xstrdup(dest);
	f->f.to = f->to;
	f->f.sender = f->sender;
	f->f.dest = f->dest;
	*ret_rows = (size_t)rows;
	return true;
}
