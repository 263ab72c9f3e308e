/*
 * users_impl - an entry of the users file as its table fills it.
 */
#ifndef CONFIG_USERS_IMPL_H
#define CONFIG_USERS_IMPL_H

#include "base/secret.h"
#include "config/users.h"

struct user_scram_conf {
	int64_t iterations;
	char *salt, *stored, *server; /* base64; all "": no SCRAM */
};

struct user_conf {
	char *name;
	char *password;
	struct conf_text person; /* "": none */
	struct user_scram_conf scram;
	struct secret_conf token;
	struct conf_strings certificates, senders, networks, rights;
	unsigned rights_bits; /* RIGHTS, resolved */
	struct conf_rate rate;
	int64_t daily;
	int class; /* an index of user_class_names */
	struct conf_mark mark;
};

#endif
