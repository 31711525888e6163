/* What values answer to: attributes, items, methods, and the functions that every template can
 * call. */
#ifndef SOTTO_CHAT_METHODS_METHODS_H
#define SOTTO_CHAT_METHODS_METHODS_H

#include "chat/values/strings.h"

/* Arguments of a call. */
typedef struct arguments {
  value *positional;
  size_t n, cap;
  struct keyword {
    const str *name;
    value v;
  } *keywords;
  size_t n_keywords, cap_keywords;
} arguments;

/* arguments.c: puts the arguments into slots in the order of `names` ("a,b,c"), V_ABSENT into those
 * that were not given. */
sotto_status chat_bind(runtime *rt, const char *callee, const char *names, size_t required,
                       const arguments *args, value *slots);
#define CHAT_MAX_PARAMETERS 4
/* The value of an argument that may be left out: then, or if it is None, *out stays as it is. */
sotto_status chat_take_string(runtime *rt, value v, const str **out);
sotto_status chat_take_integer(runtime *rt, value v, int64_t *out);
/* The same of one that must be a string. */
sotto_status chat_need_string(runtime *rt, value v, const str **out);

/* A call of a method, or of a filter, whose input is `self`. */
typedef struct call {
  value self;
  value a[CHAT_MAX_PARAMETERS]; /* the arguments by parameter */
  const arguments *args;        /* all of them, as they were given */
  int how;                      /* of the table's row, as several rows may share a function */
} call;
typedef sotto_status method_function(runtime *rt, const call *c, value *out);

/* Ends of a string, for methods that work on either. */
enum { LEFT = 1, RIGHT = 2 };

#define X(type, name, parameters, required, function, how) method_function chat_method_##function;
#include "chat/methods/methods.def"
#undef X
#define METHOD(name) sotto_status chat_method_##name(runtime *rt, const call *c, value *out)

/* access.c: object.name and object[key], undefined where there is no such. */
sotto_status chat_get_attribute(runtime *rt, value object, const str *name, value *out);
sotto_status chat_get_item(runtime *rt, value object, value key, value *out);

/* methods.c: *out is V_ABSENT when values of this type have no such method. */
sotto_status chat_get_method(runtime *rt, value object, const str *name, value *out);
sotto_status chat_call_method(runtime *rt, const struct method *m, const arguments *args,
                              value *out);

/* functions.c: NULL when there is none of this name. */
const struct function *chat_find_function(const char *name, size_t len);
sotto_status chat_call_function(runtime *rt, const struct function *f, const arguments *args,
                                value *out);

/* time.c: strftime of rt->now. */
sotto_status chat_format_time(runtime *rt, const str *format, value *out);

#endif
