/*
 * intake_form - the two ways in which a form is posted.
 */
#ifndef ALERT_INTAKE_FORM_H
#define ALERT_INTAKE_FORM_H

#include "alert/intake_doc.h"

/* application/x-www-form-urlencoded: a=b&c=d, "+" a blank, "%XX" an octet; a "%"
 * that begins none stays. 0, or -EINVAL with a reason. */
int form_read(const char *body, size_t len, struct arena *a, struct doc *ret,
	      const char **ret_why);
/* multipart/form-data (RFC 7578), as CONTENT_TYPE names its boundary. */
int form_read_multipart(const char *content_type, const char *body, size_t len,
			struct arena *a, struct doc *ret, const char **ret_why);

#endif
