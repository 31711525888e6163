/* Filters and tests: what stands behind `|` and `is`. */
#ifndef SOTTO_CHAT_FILTERS_FILTERS_H
#define SOTTO_CHAT_FILTERS_FILTERS_H

#include "chat/methods/methods.h"
#include "chat/syntax/names.h"

/* By number, as chat_find_filter and chat_find_test give it. */
sotto_status chat_filter(runtime *rt, int filter, value input, const arguments *args, value *out);
sotto_status chat_test(runtime *rt, int test, value input, const arguments *args, bool *out);

/* ---- what the files of filters share ---- */

#define X(name, parameters, required, function, how, input) method_function function;
#include "chat/syntax/filters.def"
#undef X
#define FILTER(name) sotto_status chat_filter_##name(runtime *rt, const call *c, value *out)

/* Ways of select: what passes the test is dropped; the first argument names an attribute. */
enum { REJECT = 1, BY_ATTRIBUTE = 2 };

/* What `attribute="a.b.0"` looks up, part by part. */
typedef struct getter {
  list parts;
  bool fold_case;  /* strings are brought to lower case, to be compared */
  value otherwise; /* takes the place of what is undefined, unless V_ABSENT */
} getter;
/* Without an attribute (V_ABSENT or None) it gives the item itself. */
sotto_status chat_getter_init(runtime *rt, getter *g, value attribute, bool fold_case,
                              value otherwise);
sotto_status chat_getter_get(runtime *rt, const getter *g, value item, value *out);

/* Sorts stably: *order has the indices of the n keys in their order. */
sotto_status chat_sort(runtime *rt, const value *keys, size_t n, bool reverse, uint32_t **order);

#endif
