/*
 * mail_intake_impl - what the parts of mail_intake share; nobody else includes
 * it.
 */
#ifndef ALERT_MAIL_INTAKE_IMPL_H
#define ALERT_MAIL_INTAKE_IMPL_H

#include "alert/mail_intake.h"

/* mail_source.c: the mail of RET->source as an alert. */
void mail_intake_source(const struct mail_intake *in, struct mail_meaning *ret);

#endif
