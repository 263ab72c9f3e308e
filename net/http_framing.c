#include "net/http_framing.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What of the header says how long the body is. */
struct framing {
	int lengths, encodings, hosts;
	const char *length, *encoding;
	bool odd; /* some field is read differently elsewhere */
	bool packed;
};

/* Is NAME longer than WORD, and begins with it? */
static bool
goes_on_after(const char *name, const char *word)
{
	size_t len = strlen(word);

	return strncasecmp(name, word, len) == 0 && name[len] != '\0';
}

/* The library takes blanks before the colon for a part of the name, a folded
 * value too when nothing stands before the fold, and a bare CR for a part of
 * the value (RFC 9112, 5.1, 5.2 and 2.2). */
static bool
field_is_odd(const char *name, const char *value)
{
	for (; value != NULL && *value != '\0'; value++)
		if (((unsigned char)*value < ' ' && *value != '\t') ||
		    *value == 0x7f)
			return true;
	return strpbrk(name, " \t\r") != NULL ||
	       goes_on_after(name, "Content-Length") ||
	       goes_on_after(name, "Transfer-Encoding");
}

static enum MHD_Result
framing_field(void *arg, enum MHD_ValueKind kind, const char *name,
	      const char *value)
{
	struct framing *f = arg;

	(void)kind;
	if (field_is_odd(name, value))
		f->odd = true;
	f->hosts += strcasecmp(name, "Host") == 0;
	if (strcasecmp(name, "Content-Length") == 0) {
		f->lengths++;
		f->length = value;
	} else if (strcasecmp(name, "Transfer-Encoding") == 0) {
		f->encodings++;
		f->encoding = value;
	} else if (strcasecmp(name, "Content-Encoding") == 0) {
		f->packed |= value != NULL && *value != '\0' &&
			     strcasecmp(value, "identity") != 0;
	}
	return MHD_YES;
}

int
http_framing_check(struct MHD_Connection *mhd, const char *version,
		   unsigned long long *ret_length)
{
	struct framing f = {0};

	MHD_get_connection_values(mhd, MHD_HEADER_KIND, framing_field, &f);
	/* Nor is it clear whose it is (RFC 9112, 3.2). */
	if (f.odd || f.lengths + f.encodings > 1 || f.hosts > 1)
		return MHD_HTTP_BAD_REQUEST;
	/* An older proxy passes on what it does not know. */
	if (f.encodings > 0 && strcmp(version, MHD_HTTP_VERSION_1_1) != 0)
		return MHD_HTTP_BAD_REQUEST;
	if (f.encodings > 0 &&
	    (f.encoding == NULL || strcasecmp(f.encoding, "chunked") != 0))
		return MHD_HTTP_NOT_IMPLEMENTED;
	/* A ceiling of what came would be none of what is unpacked. */
	if (f.packed)
		return MHD_HTTP_UNSUPPORTED_MEDIA_TYPE;
	/* The library has checked that these are digits and fit. */
	*ret_length = f.length != NULL ? strtoull(f.length, NULL, 10) : 0;
	return 0;
}
