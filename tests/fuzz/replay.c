/*
 * replay FILE... - a fuzz target over files, without a fuzzer: for valgrind, which
 * sees what libraries read.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "base/xalloc.h"

#define INPUT_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		unsigned char *data = xmalloc(INPUT_MAX), *exact;
		FILE *f = fopen(argv[i], "re");
		size_t len;

		must(f != NULL);
		len = fread(data, 1, INPUT_MAX, f);
		fclose(f);
		/* As long as it is, so that one octet more is seen. */
		exact = xmalloc(len > 0 ? len : 1);
		for (size_t at = 0; at < len; at++)
			exact[at] = data[at];
		free(data);
		(void)LLVMFuzzerTestOneInput(exact, len);
		free(exact);
	}
	return 0;
}
