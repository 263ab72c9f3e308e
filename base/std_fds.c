#include "base/std_fds.h"

#include <errno.h>
#include <fcntl.h>

int
std_fds_fill(void)
{
	static const int mode[] = {O_WRONLY, O_RDONLY, O_RDWR};

	/* The lowest number that is free is the one that is missing. */
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", mode[fd]) != fd)
			return errno != 0 ? -errno : -EBADF;
	return 0;
}
