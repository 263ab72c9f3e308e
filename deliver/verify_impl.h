/* What the files of verify share. */
#ifndef DELIVER_VERIFY_IMPL_H
#define DELIVER_VERIFY_IMPL_H

#include "deliver/verify.h"

/* VERIFY_ASKED: nothing is known. */
enum verify_result verify_kept_get(struct verify_kept *k, const char *key,
				   int64_t now_ms);
void verify_kept_put(struct verify_kept *k, const char *key,
		     enum verify_result result, int64_t until_ms);

#endif
