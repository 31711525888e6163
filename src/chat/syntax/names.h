/* The names of filters and tests: what they do lies in filters/, but an unknown one is refused
 * while the template is parsed. */
#ifndef SOTTO_CHAT_SYNTAX_NAMES_H
#define SOTTO_CHAT_SYNTAX_NAMES_H

#include <stddef.h>

/* The row of filters.def or tests.def with this name, -1 when there is none. */
int chat_find_filter(const char *name, size_t len);
int chat_find_test(const char *name, size_t len);

#endif
