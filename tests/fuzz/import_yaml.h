/*
 * import_yaml - what an import writes can be read.
 */
#ifndef TESTS_FUZZ_IMPORT_YAML_H
#define TESTS_FUZZ_IMPORT_YAML_H

#include "base/buf.h"

/* Mistakes of what the other program was told may be left; none of how it is
 * written. */
void import_yaml_check(const struct buf *yaml);

#endif
