/*
 * smtp_param - the parameters of MAIL and RCPT: SIZE (RFC 1870), BODY (RFC
 * 6152), RET, ENVID, NOTIFY and ORCPT (RFC 3461), SMTPUTF8 (RFC 6531), AUTH
 * (RFC 4954).
 */
#ifndef MAIL_SMTP_PARAM_H
#define MAIL_SMTP_PARAM_H

#include "mail/smtp_command.h"

/* 1 to 20 digits; what does not fit stays too large for anybody. 0 or -EINVAL.
 */
int smtp_number_parse(const char *s, size_t len, int64_t *ret);

/* One word "keyword[=value]" behind the path of C, whose verb is known. 0, or
 * -EINVAL with the reply to give. Strings go into ARENA. */
int smtp_param_parse(const char *word, size_t len, struct arena *arena,
		     struct smtp_command *c, struct reply *ret_reply);

#endif
