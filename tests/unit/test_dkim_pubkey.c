/*
 * The function by which libopendkim reads a public key: it is ours, and says what
 * libcrypto's says.
 */
#include <dlfcn.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include "tests/unit/test.h"
#include "verdict/dkim_lib.h"

#define DER_MAX 4096

static const char name[] = "d2i_PUBKEY_bio";

static void
test_ours(void **state)
{
	void *theirs = dlopen("libcrypto.so.3", RTLD_LAZY | RTLD_NOLOAD);
	struct dkim_library *lib = dkim_library_new();

	(void)state;
	assert_non_null(theirs);
	assert_non_null(dlsym(theirs, name));
	assert_ptr_not_equal(dlsym(RTLD_DEFAULT, name), dlsym(theirs, name));
	dlclose(theirs);
	dkim_library_free(&lib);
}

/* A key, and what is done to its octets. */
struct row {
	const char *name;
	const char *type;
	unsigned bits;
	size_t at; /* this octet becomes VALUE */
	unsigned char value;
	int more; /* octets behind, or fewer */
	bool is_key;
};

static const struct row rows[] = {
	{"RSA of 512 bits", "RSA", 512, 0, 0, 0, true},
	{"RSA of 1,024 bits", "RSA", 1024, 0, 0, 0, true},
	{"RSA of 2,048 bits", "RSA", 2048, 0, 0, 0, true},
	{"RSA of 4,096 bits", "RSA", 4096, 0, 0, 0, true},
	{"Ed25519", "ED25519", 0, 0, 0, 0, true},
	{"RSA-PSS", "RSA-PSS", 2048, 0, 0, 0, true},
	{"octets behind", "RSA", 2048, 0, 0, 3, true},
	{"cut off", "RSA", 2048, 0, 0, -1, false},
	{"nothing but the beginning", "RSA", 2048, 0, 0, -292, false},
	{"no sequence", "RSA", 2048, 0, 0x31, 0, false},
	{"too long a sequence", "RSA", 2048, 3, 0x23, 0, false},
	{"a length without end", "RSA", 2048, 1, 0x80, 0, false},
	{"a length of 8 octets", "RSA", 2048, 1, 0x88, 0, false},
	{"another algorithm", "RSA", 2048, 16, 0x02, 0, false},
	{"parameters that are a number", "RSA", 2048, 17, 0x02, 0, false},
	{"no string of bits", "RSA", 2048, 19, 0x04, 0, false},
	{"bits that are not used", "RSA", 2048, 23, 0x01, 0, true},
	{"no key within", "RSA", 2048, 24, 0x31, 0, false},
	{"a shorter key within", "RSA", 2048, 27, 0x09, 0, false},
	{"no number in the key", "RSA", 2048, 28, 0x04, 0, false},
	{"a negative modulus", "RSA", 2048, 32, 0xff, 0, true},
	{"an exponent of 1", "RSA", 2048, 291, 0, 0, true},
};

static EVP_PKEY *
key_new(const struct row *r)
{
	EVP_PKEY *key;

	if (r->bits == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, r->type);
	else if (strcmp(r->type, "RSA") == 0)
		key = EVP_RSA_gen(r->bits);
	else {
		EVP_PKEY_CTX *ctx =
			EVP_PKEY_CTX_new_from_name(NULL, r->type, NULL);

		key = NULL;
		assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
		assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
		EVP_PKEY_CTX_free(ctx);
	}
	assert_non_null(key);
	return key;
}

/* As libopendkim does it. */
static EVP_PKEY *
read_ours(const unsigned char *der, size_t len)
{
	BIO *bio = BIO_new_mem_buf(der, (int)len);
	EVP_PKEY *key = d2i_PUBKEY_bio(bio, NULL);

	BIO_free(bio);
	return key;
}

static void
check_row(const struct row *r)
{
	unsigned char der[DER_MAX] = {0}, *end = der;
	const unsigned char *at = der;
	EVP_PKEY *key = key_new(r), *ours, *theirs;
	size_t len;

	i2d_PUBKEY(key, &end);
	len = (size_t)(end - der) + (size_t)r->more;
	if (r->value != 0 || r->at != 0)
		der[r->at] = r->value;
	ours = read_ours(der, len);
	theirs = d2i_PUBKEY(NULL, &at, (long)len);
	if ((ours != NULL) != r->is_key || (theirs != NULL) != r->is_key)
		fail_msg("%s: ours %d, theirs %d", r->name, ours != NULL,
			 theirs != NULL);
	if (ours != NULL && EVP_PKEY_eq(ours, theirs) != 1)
		fail_msg("%s: not the same", r->name);
	EVP_PKEY_free(ours);
	EVP_PKEY_free(theirs);
	EVP_PKEY_free(key);
}

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
}

static void
test_nothing(void **state)
{
	(void)state;
	assert_null(read_ours((const unsigned char *)"", 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ours),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
