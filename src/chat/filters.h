/* What the files of filters share. */
#ifndef SOTTO_CHAT_FILTERS_H
#define SOTTO_CHAT_FILTERS_H

#include "chat/methods.h"

#define X(name, parameters, required, function, when) method_function chat_filter_##function;
#include "chat/filters.def"
#undef X

#define FILTER(name)                                                                               \
  sotto_status chat_filter_##name(runtime *rt, value in, const value *a, const arguments *args,    \
                                  value *out)
#define FILTER_UNUSED                                                                              \
  (void)rt;                                                                                        \
  (void)in;                                                                                        \
  (void)a;                                                                                         \
  (void)args

/* "a.b.0": what `attribute=` looks up, part by part. */
typedef struct getter {
  list parts;
  bool fold_case;  /* strings in lower case, to be compared */
  value otherwise; /* for what is undefined; V_ABSENT: leave it so */
} getter;
/* attribute V_ABSENT or none: the item itself. */
sotto_status chat_getter_init(runtime *rt, getter *g, value attribute, bool fold_case,
                              value otherwise);
sotto_status chat_getter_get(runtime *rt, const getter *g, value item, value *out);

/* order[n]: the numbers of the keys, sorted stably. */
sotto_status chat_sort(runtime *rt, const value *keys, size_t n, bool reverse, uint32_t **order);

/* getattr() without items: V_ABSENT for nothing. */
sotto_status chat_own_attribute(runtime *rt, value object, const str *name, value *out);

#endif
