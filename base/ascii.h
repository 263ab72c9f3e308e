/*
 * ascii - letters of ASCII, whatever the locale is. Domains, and local parts
 * where case does not count, are compared in lower case; no other letter has
 * one there.
 */
#ifndef BASE_ASCII_H
#define BASE_ASCII_H

static inline char
ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static inline void
ascii_lower_str(char *s)
{
	for (; *s != '\0'; s++)
		*s = ascii_lower(*s);
}

#endif
