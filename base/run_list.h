/*
 * run_list - which commands may be run for belfryd by another user.
 *
 * One command a line, as the `command` of a route has it:
 *
 *	line = *blank [ word *( 1*blank word ) ] *blank [ "#" comment ]
 *	word = 1*( %x21-7E but "\"" and "#" ) / "\"" *( any but "\"" ) "\""
 *
 * The first word is the whole path of a program. In the others `{name}` stands
 * for any text, but at the beginning of an argument before "--" for none that
 * begins with "-": it would be an option. `{{` is one brace. As many words, as
 * many arguments.
 */
#ifndef BASE_RUN_LIST_H
#define BASE_RUN_LIST_H

#include <stdbool.h>

/* Is that line for these arguments? ARGV ends in NULL. */
bool run_line_has(const char *line, const char *const *argv);

/* 1: a line of the file at PATH has them; 0: none; -errno, -EPERM: others than
 * root and we can write to the file. */
int run_list_has(const char *path, const char *const *argv);

#endif
