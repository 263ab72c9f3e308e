/*
 * program - a program that the spawner runs, seen from a loop.
 *
 * What is written goes to its standard input; what it says on output and error
 * output is kept up to a ceiling, and one that says more is ended, unless what is
 * more may be dropped. When it ends
 * there is one PROGRAM_ENDED, after which the owner frees it. A program that
 * does not read its input to the end is none the worse for it.
 */
#ifndef NET_PROGRAM_H
#define NET_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/spawn.h"
#include "net/loop.h"

struct program;

enum program_event {
	PROGRAM_WRITTEN, /* what program_write() was given is with the kernel,
			  * or will never be read */
	PROGRAM_ENDED,   /* also instead of a PROGRAM_WRITTEN that is due */
};

typedef void program_fn(void *arg, enum program_event event);

/* 0 or -errno. A program that can't be executed is started and then told of in
 * the report. */
int program_start(struct loop *loop, struct spawner *spawner,
		  const struct spawn_request *request, size_t output_max,
		  program_fn *fn, void *arg, struct program **ret_program);
/* DATA stays until PROGRAM_WRITTEN, which is never told from within this call;
 * one write at a time. */
void program_write(struct program *p, const char *data, size_t len);
/* It closed its input: nothing more is read. */
bool program_is_deaf(const struct program *p);
/* It may say any amount: the last OUTPUT_MAX bytes are kept. */
void program_drop_more(struct program *p);
/* The input is complete. Whoever frees a program before, or dies, ends it
 * before it sees the end of its input. */
void program_write_end(struct program *p);
/* After PROGRAM_ENDED. */
const struct spawn_report *program_report(const struct program *p);
/* It was ended because it said more than OUTPUT_MAX. */
bool program_said_too_much(const struct program *p);
/* What it said, NUL-terminated; it may hold NULs. */
const char *program_output(const struct program *p, size_t *ret_len);
/* Ends it if it runs. Leaves NULL. */
void program_free(struct program **p);

#endif
