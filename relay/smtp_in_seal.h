/*
 * smtp_in_seal - the part of smtp_in that knows what is thought of a message, and
 * signs it: what stands in front of it is known only at its end.
 *
 * Mail of strangers is judged over its header as it came, where the listener
 * judges; mail of clients we trust is signed over its header as it leaves, where
 * there is a key for its author. Never both. Where XFORWARD tells whose it is,
 * it is that client whom we trust or not, whoever tells it.
 *
 *	the header is whole --> a verdict; the body waits for the DNS
 *	pieces of the body ---> into verdict or signature
 *	the end --------------> JUDGE, while the DNS is waited for
 *	                        SIGN, while the signature is made
 *	                        COMMIT, or what the verdict says instead
 */
#ifndef RELAY_SMTP_IN_SEAL_H
#define RELAY_SMTP_IN_SEAL_H

#include "relay/smtp_in.h"

/* Octets that may come in front at the end. */
#define SI_SEAL_MAX (32 * 1024)

/* Whose message it is, for a verdict: of PEER, who connected, or of whom that one
 * names. An address or HELO that it does not name is not known. */
void si_seal_whose(const struct smtp_in *si, const struct sockaddr_any *peer,
		   struct verdict_message *ret);
/* Of a client we trust, whoever passed it on? */
bool si_seal_is_ours(const struct smtp_in *si);
/* Will the message be judged? Then its header is kept to its end. */
bool si_seal_judges(const struct smtp_in *si);
/* The header as it came, which stays up to si_seal_drop(). True: something may
 * come in front at the end. */
bool si_seal_judge(struct smtp_in *si, const char *header, size_t len);
/* The same of the header as it leaves, PREFIX being our fields of it. */
bool si_seal_sign(struct smtp_in *si, const struct buf *prefix,
		  const char *header, size_t len);
/* Pieces of the body, in order. */
void si_seal_body(struct smtp_in *si, const char *data, size_t len);
/* All has come: COMMIT, the state that waits, or what was said instead. */
enum smtp_in_state si_seal_end(struct smtp_in *si);
/* Nothing comes of it. */
void si_seal_drop(struct smtp_in *si);

#endif
