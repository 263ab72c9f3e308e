#include "base/password.h"

#include <crypt.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/xalloc.h"

_Static_assert(PASSWORD_HASH_MAX >= CRYPT_OUTPUT_SIZE, "a hash fits");
_Static_assert(PASSWORD_MAX < CRYPT_MAX_PASSPHRASE_SIZE, "a password fits");

bool
password_name_ok(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > PASSWORD_NAME_MAX || !utf8_is_valid(name))
		return false;
	for (; *name != '\0'; name++)
		if ((unsigned char)*name < 32 || *name == 127)
			return false;
	return true;
}

/* The hash of PASSWORD with SETTING, in D, which is large and holds the
 * password; NULL: SETTING is none. */
static const char *
password_crypt(const char *password, const char *setting, struct crypt_data *d)
{
	const char *hash = crypt_rn(password, setting, d, (int)sizeof(*d));

	return hash != NULL && hash[0] != '*' ? hash : NULL;
}

static void
password_crypt_free(struct crypt_data *d)
{
	password_wipe(d, sizeof(*d));
	free(d);
}

int
password_hash(const char *password, char ret[static PASSWORD_HASH_MAX])
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	struct crypt_data *d;
	const char *hash;
	int r = 0;

	if (strlen(password) > PASSWORD_MAX)
		return -ERANGE;
	if (crypt_gensalt_rn("$y$", 0, NULL, 0, setting,
			     (int)sizeof(setting)) == NULL)
		return -errno;
	d = xcalloc(1, sizeof(*d));
	hash = password_crypt(password, setting, d);
	if (hash != NULL)
		memcpy(ret, hash, strlen(hash) + 1);
	else
		r = -EINVAL;
	password_crypt_free(d);
	return r;
}

bool
password_matches(const char *hash, const char *password)
{
	struct crypt_data *d;
	const char *made;
	bool same;

	if (strlen(password) > PASSWORD_MAX)
		return false;
	d = xcalloc(1, sizeof(*d));
	made = password_crypt(password, hash, d);
	same = made != NULL && strlen(made) == strlen(hash) &&
	       password_same(made, hash, strlen(hash));
	password_crypt_free(d);
	return same;
}

enum password_kind
password_kind_of(const char *hash)
{
	if (strlen(hash) >= PASSWORD_HASH_MAX)
		return PASSWORD_NONE;
	switch (crypt_checksalt(hash)) {
	case CRYPT_SALT_OK:
	case CRYPT_SALT_TOO_CHEAP:
		return PASSWORD_GOOD;
	case CRYPT_SALT_METHOD_LEGACY:
		return PASSWORD_WEAK;
	default:
		return PASSWORD_NONE;
	}
}

bool
password_same(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void
password_wipe(void *data, size_t len)
{
	OPENSSL_cleanse(data, len);
}
