/*
 * must - assertions that stay on in every build.
 *
 * must(cond) is for "we are wrong", never for what a peer or the machine did:
 * it prints one line and aborts. The store makes an abort safe.
 */
#ifndef BASE_MUST_H
#define BASE_MUST_H

_Noreturn void must_failed(const char *cond, const char *file, int line);

#define must(cond) ((cond) ? (void)0 : must_failed(#cond, __FILE__, __LINE__))

#endif
