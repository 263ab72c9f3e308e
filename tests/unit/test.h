/*
 * test - cmocka with what it wants included before it.
 */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* What cmocka does not tell the compiler: fail() does not return. */
void _fail(const char *file, int line) __attribute__((noreturn));

#endif
