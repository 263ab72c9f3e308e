#include "alert/severity.h"

#include <stddef.h>
#include <string.h>

const char *const severity_names[] = {"unknown", "info", "warning", "error",
				      "critical"};

static const struct {
	const char *word;
	enum severity is;
} words[] = {
	{"critical", SEVERITY_CRITICAL}, {"page", SEVERITY_CRITICAL},
	{"fatal", SEVERITY_CRITICAL},    {"error", SEVERITY_ERROR},
	{"major", SEVERITY_ERROR},       {"high", SEVERITY_ERROR},
	{"warning", SEVERITY_WARNING},   {"warn", SEVERITY_WARNING},
	{"minor", SEVERITY_WARNING},     {"info", SEVERITY_INFO},
	{"none", SEVERITY_INFO},         {"low", SEVERITY_INFO},
	{"debug", SEVERITY_INFO},
};

enum severity
severity_of(const char *word)
{
	for (size_t i = 0; word != NULL && i < sizeof(words) / sizeof(words[0]);
	     i++)
		if (strcmp(word, words[i].word) == 0)
			return words[i].is;
	return SEVERITY_UNKNOWN;
}
