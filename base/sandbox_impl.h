/*
 * sandbox_impl - a filter while it is put together; for base/sandbox*.c alone.
 */
#ifndef BASE_SANDBOX_IMPL_H
#define BASE_SANDBOX_IMPL_H

#include <seccomp.h>

/* Where clone(2) has its flags. */
#if defined(__s390__) || defined(__s390x__)
#define SANDBOX_CLONE_FLAGS 1
#else
#define SANDBOX_CLONE_FLAGS 0
#endif

struct sandbox {
	scmp_filter_ctx filter;
	int error; /* the first one; what follows it does nothing */
};

/* Comparisons with argument N, from 0. */
static inline struct scmp_arg_cmp
sandbox_is(unsigned n, uint64_t value)
{
	return (struct scmp_arg_cmp){
		.arg = n, .op = SCMP_CMP_EQ, .datum_a = value};
}

static inline struct scmp_arg_cmp
sandbox_has(unsigned n, uint64_t mask, uint64_t value)
{
	return (struct scmp_arg_cmp){.arg = n,
				     .op = SCMP_CMP_MASKED_EQ,
				     .datum_a = mask,
				     .datum_b = value};
}

static inline struct scmp_arg_cmp
sandbox_from(unsigned n, uint64_t least)
{
	return (struct scmp_arg_cmp){
		.arg = n, .op = SCMP_CMP_GE, .datum_a = least};
}

/* OTHERWISE is for calls without a rule. 0; -EOPNOTSUPP. */
int sandbox_init(struct sandbox *sb, uint32_t otherwise);
/* ACTION for CALL, where all of N comparisons hold. A call that this
 * architecture has not is passed over. */
void sandbox_rule(struct sandbox *sb, uint32_t action, int call,
		  const struct scmp_arg_cmp *cmp, unsigned n);
/* It holds from here on. In any case SB is done. 0 or -errno. */
int sandbox_load(struct sandbox *sb);

#endif
