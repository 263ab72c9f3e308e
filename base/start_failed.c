#include "base/start_failed.h"

#include <err.h>
#include <stdarg.h>

int
start_failed(int exit_code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vwarnx(fmt, ap);
	va_end(ap);
	return exit_code;
}
