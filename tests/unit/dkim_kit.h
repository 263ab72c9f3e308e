/*
 * dkim_kit - messages that libopendkim signed, in whatever way a test wants, and
 * verdicts on them by ours.
 */
#ifndef TESTS_UNIT_DKIM_KIT_H
#define TESTS_UNIT_DKIM_KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#include "base/arena.h"
#include "tests/unit/zone.h"
#include "verdict/dkim_key.h"
#include "verdict/dkim_verify.h"

#define DKIM_KIT_NOW 1700000000

struct dkim_kit {
	struct arena arena;
	struct zone zone;
	struct dkim_library *lib;
	bool allow_length;
	size_t piece; /* the body comes in such pieces; 0: all at once */
	time_t now;
	struct dkim_key *rsa, *ed25519;
};

/* With the keys of rsa._domainkey.example.org and ed._domainkey.example.org. */
void dkim_kit_init(struct dkim_kit *k);
void dkim_kit_done(struct dkim_kit *k);
/* A record of a key at SELECTOR._domainkey.example.org. */
void dkim_kit_publish(struct dkim_kit *k, const char *selector,
		      const char *text);
/* TEXT with CRLF for LF; in the arena. */
const char *dkim_kit_crlf(struct dkim_kit *k, const char *text);
/* The verdict on MESSAGE, of LEN octets: it lives as long as the kit. */
const struct dkim_verdict *dkim_kit_verify(struct dkim_kit *k,
					   const char *message, size_t len);

struct dkim_kit_way {
	/* The header of ED25519 is relaxed: the library folds it once more
	 * when it has signed. */
	bool sha1, simple, ed25519;
	ssize_t length;       /* l=; 0: none */
	const char *signer;   /* i= */
	const char *selector; /* NULL: rsa or ed */
	const char *pem;      /* NULL: the kit's key */
};

/* MESSAGE with a signature in front, by libopendkim; in the arena. */
const char *dkim_kit_sign(struct dkim_kit *k, const struct dkim_kit_way *way,
			  const char *message);

/* RSA and Ed25519, relaxed and simple. */
#define DKIM_KIT_NWAYS 4
extern const struct dkim_kit_way dkim_kit_ways[DKIM_KIT_NWAYS];

/* A message that is not signed. */
const char *dkim_kit_plain(struct dkim_kit *k);
/* TEXT with TO for the first FROM. */
const char *dkim_kit_changed(struct dkim_kit *k, const char *text,
			     const char *from, const char *to);
/* Is S of RESULT, with a reason that has WHY in it? Says so where it isn't. */
bool dkim_kit_result(const struct dkim_signature *s, enum dkim_result result,
		     const char *why);
/* The same of MESSAGE and its one signature. */
bool dkim_kit_is(struct dkim_kit *k, const char *message,
		 enum dkim_result result, const char *why);

int dkim_kit_setup(void **state);
int dkim_kit_teardown(void **state);
/* A test whose state is a kit. */
#define DKIM_KIT_CASE(f)                                                       \
	cmocka_unit_test_setup_teardown(f, dkim_kit_setup, dkim_kit_teardown)

#endif
