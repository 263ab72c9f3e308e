/*
 * Any bytes as a users file. What is taken holds only users that can log in by
 * something; what is refused says why.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/must.h"
#include "config/users.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct config *
config(void)
{
	static const char text[] =
		"hostname: relay1.example.org\n"
		"networks: {office: [192.0.2.0/24]}\n"
		"delivery: {smarthost: [{host: smtp.example.net}]}\n";
	static struct config *c; /* made once */
	struct conf_errors e;

	if (c != NULL)
		return c;
	conf_errors_init(&e);
	must(config_load_text("t", text, strlen(text), &c, &e) == 0);
	conf_errors_done(&e);
	return c;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct user *anna;
	struct users *u = NULL;
	struct conf_errors e;
	int r;

	conf_errors_init(&e);
	r = users_load_text(config(), "fuzz", (const char *)data, len, &e, &u);
	must((r == 0) == (e.total == 0));
	must((r == 0) == (u != NULL));
	anna = users_find(u, "anna");
	if (anna != NULL) {
		must(strcmp(anna->name, "anna") == 0);
		must(anna->password[0] != '\0' || anna->has_scram ||
		     users_have_certificates(u) ||
		     memmem(data, len, "token", 5) != NULL);
		must(anna->rights != 0);
	}
	users_free(&u);
	conf_errors_done(&e);
	return 0;
}
