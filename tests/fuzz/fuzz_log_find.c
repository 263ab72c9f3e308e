/*
 * Addresses in a line of the log: whatever stands around one, it is found, and
 * so nobody reads it where log.addresses hides it.
 */
#include <string.h>

#include "base/buf.h"
#include "base/log_find.h"
#include "base/log_line.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

#define WHO "secret.name@example.org"

/* Each is within S, behind the one before it, and not empty. */
static void
check_places(const char *s)
{
	const char *end = s + strlen(s);
	struct log_found f;

	while (log_find_address(s, &f)) {
		must(s <= f.begin && f.begin < f.at);
		must(*f.at == '@' && f.at < f.end && f.end <= end);
		s = f.end;
	}
}

static void
check_line(const char *s, enum log_addresses addresses)
{
	const struct log_field fields[] = {LOG_STR("text", s),
					   {NULL, LOG_END, NULL, 0}};
	struct log_line l;

	log_line_init(&l, LOG_LOGFMT, addresses);
	log_line_make(&l, NULL, LOG_INFO, "x", fields);
	must(memmem(l.data, l.len, "secret", strlen("secret")) == NULL);
}

/* The input's halves stand around the address; none of them says it. */
static void
hide(const char *data, size_t len)
{
	struct buf b;

	if (memmem(data, len, "secret", strlen("secret")) != NULL)
		return;
	buf_init(&b, 2 * LOG_VALUE_MAX + 100);
	if (buf_append(&b, data, len / 2) == 0 &&
	    buf_append_str(&b, " <" WHO "> ") == 0 &&
	    buf_append(&b, data + len / 2, len - len / 2) == 0) {
		check_places(buf_str(&b));
		check_line(buf_str(&b), LOG_ADDR_HASH);
		check_line(buf_str(&b), LOG_ADDR_DOMAIN);
	}
	buf_done(&b);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	hide((const char *)data, len);
	return 0;
}
