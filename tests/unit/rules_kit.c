#include "tests/unit/rules_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

char *
rules_kit_says(const char *yaml, struct rules **ret)
{
	struct alerts_conf conf;
	struct conf_errors errors;
	struct arena arena;
	char *says = NULL;
	size_t len;
	FILE *to;

	arena_init(&arena);
	conf_errors_init(&errors);
	*ret = NULL;
	if (conf_load_text("t", yaml, strlen(yaml), &alerts_conf_table, &arena,
			   &errors, &conf) == 0)
		rules_new(&conf, "mx.example.org", &errors, ret);
	to = open_memstream(&says, &len);
	conf_errors_print(&errors, to);
	fclose(to);
	conf_errors_done(&errors);
	arena_done(&arena);
	return says;
}

struct rules *
rules_kit_new(const char *yaml)
{
	struct rules *r;
	char *says = rules_kit_says(yaml, &r);

	if (r == NULL)
		fprintf(stderr, "%s", says);
	must(r != NULL);
	free(says);
	return r;
}

void
rules_kit_labels(struct arena *arena, const char *text, struct labels *ret)
{
	char *copy = arena_strdup(arena, text), *rest = NULL;
	struct labels_builder b;

	labels_builder_init(&b, arena);
	for (char *one = strtok_r(copy, " ", &rest); one != NULL;
	     one = strtok_r(NULL, " ", &rest)) {
		char *value = strchr(one, '=');

		must(value != NULL);
		*value++ = '\0';
		must(labels_set(&b, one, value) == 0);
	}
	must(labels_finish(&b, ret) == 0);
}
