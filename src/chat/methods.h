/* The functions behind methods and filters. */
#ifndef SOTTO_CHAT_METHODS_H
#define SOTTO_CHAT_METHODS_H

#include "chat/strings.h"

/* self.method(a[0], a[1] …): a as bound to the parameters, or args raw when there are none. */
typedef sotto_status method_function(runtime *rt, value self, const value *a, const arguments *args,
                                     value *out);
#define X(types, name, parameters, required, function) method_function chat_method_##function;
#include "chat/methods.def"
#undef X

/* The str, int or bool in a slot; what is absent or none leaves *out as it is. */
sotto_status chat_take_string(runtime *rt, value v, const str **out);
sotto_status chat_take_integer(runtime *rt, value v, int64_t *out);
/* An optional start and end, in code points, to bytes; *start > s->len when start lies behind s. */
sotto_status chat_take_bounds(runtime *rt, const str *s, const value *a, size_t *start,
                              size_t *end);
sotto_status chat_string_result(runtime *rt, const str *s, value *out);
sotto_status chat_join(runtime *rt, const str *separator, value iterable, bool convert, value *out);

#endif
