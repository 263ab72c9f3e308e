/*
 * link - tokens that let who bears them act on what a notice told: in the links
 * and the return and reply addresses of mails.
 *
 * A token names a kind, an action, a group, a sequence number and an expiry, and
 * bears an HMAC-SHA256 over these and the recipient of the notice, who is not in
 * it: whoever reads one says for whom it is meant. As text it is ALERT_TOKEN_LEN
 * letters and digits of base 32 (RFC 4648, lower case): fit for a URL and for a
 * local part, whatever happens to its letter case on the way.
 */
#ifndef ALERT_LINK_H
#define ALERT_LINK_H

#include <stdbool.h>
#include <stdint.h>

#define ALERT_LINK_KEY_LEN 32
#define ALERT_TOKEN_LEN    48

struct alert_link_key {
	uint8_t bytes[ALERT_LINK_KEY_LEN];
};

enum alert_token_kind {
	ALERT_TOKEN_LINK = 1,   /* a page that ACTION of is done on */
	ALERT_TOKEN_REPLY = 2,  /* Reply-To: who answers may act */
	ALERT_TOKEN_BOUNCE = 3, /* the return address */
	ALERT_TOKEN_MARK = 4,   /* X-Incident: this mail is ours; of nobody */
};

enum alert_link_action {
	ALERT_LINK_NONE,
	ALERT_LINK_ACK,
	ALERT_LINK_SILENCE,
	ALERT_LINK_SHOW,
};

struct alert_token {
	uint8_t kind;   /* enum alert_token_kind */
	uint8_t action; /* enum alert_link_action */
	uint32_t seq;
	uint64_t group;
	int64_t expires_ms; /* wall; kept in whole minutes, rounded up */
};

/* RECIPIENT: the address, whose letter case doesn't count; "" of a mark. */
void alert_token_make(const struct alert_link_key *key,
		      const struct alert_token *token, const char *recipient,
		      char ret[static ALERT_TOKEN_LEN + 1]);
/* Could TEXT be a token of KIND? For who doesn't know the recipient yet. */
bool alert_token_may_be(enum alert_token_kind kind, const char *text);
/* TEXT, in any letter case, as a token of KIND for RECIPIENT. 0; -EBADMSG: it is
 * none, or not theirs; -ETIME: it was, up to NOW_MS; *RET is filled then, too. */
int alert_token_read(const struct alert_link_key *key,
		     enum alert_token_kind kind, const char *text,
		     const char *recipient, int64_t now_ms,
		     struct alert_token *ret);

#endif
