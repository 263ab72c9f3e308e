/*
 * store_guard - the last words of a process whose store is damaged.
 *
 * LMDB reads its file through a map and trusts what it finds. A flipped bit may
 * lead it outside of the file (SIGBUS), of the map (SIGSEGV), or into one of
 * its assertions. Then the process ends with STORE_GUARD_EXIT, after one line
 * that says how the mail is brought back; whoever started it should not start
 * it again by itself.
 */
#ifndef QUEUE_STORE_GUARD_H
#define QUEUE_STORE_GUARD_H

#define STORE_GUARD_EXIT 65

/* Once, before the store in DIR is opened. Other faults go on to who handled
 * them before. */
void store_guard_install(const char *dir);
/* What happens in this thread until the leave reads the store. Nests. */
void store_guard_enter(void);
void store_guard_leave(void);
/* The store was found to be damaged: the line, and the end. */
_Noreturn void store_guard_end(const char *what);

#endif
