/*
 * XCLIENT and XFORWARD: what is kept has an end, is printable and may stand in
 * a log; the first octet says which of the two it is.
 */
#include "mail/xclient.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/xalloc.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void
check_value(const char *value)
{
	must(memchr(value, '\0', XCLIENT_MAX) != NULL);
	for (; *value != '\0'; value++)
		must((unsigned char)*value >= ' ' && *value != 0x7f);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct xclient x = {.given = 0};
	struct reply reply = {.code = 0};
	char *args;
	int r;

	if (size == 0)
		return 0;
	args = xstrndup((const char *)data + 1, size - 1);
	r = xclient_parse(args, data[0] & 1, &x, &reply);
	free(args);
	must(r == 0 || (r == -EINVAL && reply.code == 501));
	must(x.given >> XCLIENT_NATTR == 0);
	for (int i = 0; i < XCLIENT_NATTR; i++)
		if (xclient_has(&x, (enum xclient_attr)i))
			check_value(x.value[i]);
	return 0;
}
