/*
 * html_text - what a person would read of HTML, roughly: for mails that have
 * nothing else.
 *
 * Tags go, blocks and <br> end a line, what no one sees (script, style, head,
 * comments) is left out, the usual entities are read. It is no parser: whatever
 * comes in, text comes out, in time and room linear in it.
 */
#ifndef MAIL_HTML_TEXT_H
#define MAIL_HTML_TEXT_H

#include <stddef.h>

#include "base/buf.h"

/* Append the text of HTML, with "\n" between lines. 0; or -EMSGSIZE, and OUT is
 * full. */
int html_text(const char *html, size_t len, struct buf *out);

#endif
