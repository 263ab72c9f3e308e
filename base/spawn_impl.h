/*
 * spawn_impl - what passes between belfryd and its spawner: one packet a
 * request, and with it three or four descriptors: control, input, output, hold.
 *
 *	packet = struct spawn_packet cwd NUL *( argument NUL )
 */
#ifndef BASE_SPAWN_IMPL_H
#define BASE_SPAWN_IMPL_H

#include <pwd.h>

#include "base/spawn.h"

struct spawn_packet {
	int64_t time_ms;
	int64_t cpu_s, memory, files, processes;
	uint32_t nargs;
};

enum { SPAWN_FD_CONTROL, SPAWN_FD_IN, SPAWN_FD_OUT, SPAWN_FD_HOLD, SPAWN_NFD };

/* The spawner's life; ends the process. SOCKET is where requests come from. */
_Noreturn void spawn_serve(int socket);

/* The arguments of TEXT, which begins with the folder; NULL ends. */
char **spawn_args(const struct spawn_packet *packet, const char *text,
		  size_t len);
void spawn_args_free(char **argv);
/* Between fork and exec, in the program's process. ACCOUNT: whose environment
 * it gets; NULL: nobody's. */
_Noreturn void spawn_exec(const struct spawn_packet *packet, const char *text,
			  size_t len, const int fds[static SPAWN_NFD],
			  const struct passwd *account);

#endif
