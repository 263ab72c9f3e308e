#include "deliver/local_names.h"

#include <string.h>

#include "deliver/routes_conf.h"

/* Of a part of the path that stands for an address; names of files are at most
 * 255 octets, and the operator may add to it. */
#define LN_VALUE_MAX 200

static bool
ln_is_safe(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || len > LN_VALUE_MAX || s[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (s[i] == '/' || (unsigned char)s[i] < ' ' || s[i] == 0x7f)
			return false;
	return true;
}

const char *
local_path(const char *path, const struct template_values *values,
	   struct arena *arena)
{
	unsigned used = template_used(path);
	struct template_values lower = *values;

	template_values_lower(&lower, arena);
	for (unsigned i = 0; i < TEMPLATE_NNAME; i++)
		if ((used & 1u << i) != 0 && !ln_is_safe(lower.v[i]))
			return NULL;
	return template_expand(path, &lower, arena);
}

const char **
local_args(const struct conf_strings *command,
	   const struct template_values *values, struct arena *arena)
{
	const char **argv =
		arena_alloc(arena, (command->n + 1) * sizeof(*argv));
	bool options = true;

	argv[0] = command->v[0];
	for (size_t i = 1; i < command->n; i++) {
		const char *text = command->v[i];

		argv[i] = template_expand(text, values, arena);
		if (options && argv[i][0] == '-' && text[0] != '-')
			return NULL;
		options = options && strcmp(text, "--") != 0;
	}
	return argv;
}

bool
local_takes(const struct route_rule *rule, const char *rcpt, char delimiter,
	    struct arena *arena)
{
	struct template_values values;

	/* Whose sender it will be is not asked here. */
	template_values_init(&values, "sender", rcpt, delimiter, arena);
	switch ((enum route_deliver)rule->deliver) {
	case ROUTE_MAILDIR:
		return local_path(rule->path, &values, arena) != NULL;
	case ROUTE_PIPE:
		return local_args(&rule->command, &values, arena) != NULL;
	case ROUTE_SMTP:
	case ROUTE_LMTP:
	case ROUTE_ALERT:
		break;
	}
	return true;
}
