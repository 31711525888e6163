/* The values of the template language: Python's, as far as templates can see them. Everything lives
 * in the arena of one rendering (or, for constants, of the template) and is immutable, except
 * namespaces, iterators and loops. */
#ifndef SOTTO_CHAT_VALUE_H
#define SOTTO_CHAT_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct runtime runtime;
typedef struct iterator iterator;
typedef struct scope scope;

typedef enum value_type {
  V_ABSENT, /* an argument that was not given; never the value of an expression */
  V_UNDEFINED,
  V_NONE,
  V_BOOL,
  V_INT,
  V_FLOAT,
  V_STRING,
  V_LIST,
  V_TUPLE,
  V_DICT,
  V_VIEW, /* dict.keys(), .values(), .items() */
  V_RANGE,
  V_ITERATOR, /* what lazy filters give: can be walked once */
  V_NAMESPACE,
  V_FUNCTION, /* range, dict, raise_exception … */
  V_METHOD,   /* bound to its object */
  V_MACRO,
  V_LOOP,
  V_JOINER,
  V_CYCLER,
} value_type;

typedef struct value {
  value_type type;
  union {
    bool boolean;
    int64_t integer;
    double number;
    const struct str *string;
    const struct list *list; /* V_LIST, V_TUPLE */
    struct dict *dict;       /* V_DICT, V_NAMESPACE */
    const struct view *view;
    const struct range *range;
    iterator *iter;
    const struct undefined *undefined; /* may be NULL */
    const struct function *function;
    const struct method *method;
    const struct macro *macro;
    struct loop *loop;
    struct cycler *cycler; /* V_CYCLER, V_JOINER */
  } as;
} value;

/* A stretch [start, end) of trusted bytes within a string. */
typedef struct span {
  uint32_t start, end;
} span;

typedef enum trust { UNTRUSTED, TRUSTED, MIXED } trust;

/* A string: valid UTF-8, indexed by code points, each byte either written by the template or not. */
typedef struct str {
  const char *data;
  uint32_t len, chars; /* bytes; code points */
  trust trust;
  uint32_t n_spans; /* of MIXED: sorted, not touching, not empty */
  const span *spans;
  bool markup; /* went through |safe or |escape: `+` escapes what is joined to it */
} str;

typedef struct list {
  size_t n;
  value *items;
  bool is_group; /* of |groupby: has .grouper and .list */
} list;

typedef struct entry {
  value key, value;
} entry;

/* Insertion order; `order` sorts larger dicts' entries by key, so that no choice of keys is slow. */
typedef struct dict {
  size_t n, cap;
  entry *entries;
  uint32_t *order; /* NULL: search in line */
} dict;

typedef struct view {
  const dict *dict;
  enum { VIEW_KEYS, VIEW_VALUES, VIEW_ITEMS } what;
} view;

typedef struct range {
  int64_t start, stop, step;
  int64_t n;
} range;

typedef struct cycler {
  list items; /* of a joiner: the separator */
  size_t at;
} cycler;

static inline value value_none(void) {
  return (value){.type = V_NONE};
}
static inline value value_bool(bool b) {
  return (value){.type = V_BOOL, .as.boolean = b};
}
static inline value value_int(int64_t i) {
  return (value){.type = V_INT, .as.integer = i};
}
static inline value value_float(double f) {
  return (value){.type = V_FLOAT, .as.number = f};
}
static inline value value_string(const str *s) {
  return (value){.type = V_STRING, .as.string = s};
}

/* value.c: what Python's protocols say. A compare or lookup fails where Python raises. */
const char *chat_type_name(value v); /* "str", "int", "dict", "NoneType" … */
bool chat_is_number(value v);        /* bool, int or float */
double chat_as_double(value v);      /* of a number */
sotto_status chat_truth(runtime *rt, value v, bool *out);
sotto_status chat_equal(runtime *rt, value a, value b, bool *out);
/* a < b, ==, > as negative, 0, positive; *ordered is false where a NaN is involved. `op` is for the
 * message that the types have no order. */
sotto_status chat_compare(runtime *rt, value a, value b, const char *op, int *out, bool *ordered);
sotto_status chat_length(runtime *rt, value v, int64_t *out);
sotto_status chat_contains(runtime *rt, value container, value item, bool *out);

sotto_status chat_list_new(runtime *rt, size_t n, value_type list_or_tuple, value *out,
                           value **items);
sotto_status chat_dict_new(runtime *rt, size_t cap, dict **out);
/* Sets or replaces (for namespaces, and while a dict is being made). */
sotto_status chat_dict_set(runtime *rt, dict *d, value key, value v);
/* Call when all is set: lookups before are linear. */
sotto_status chat_dict_seal(runtime *rt, dict *d);
/* NULL when there is none; fails when the key is unhashable. */
sotto_status chat_dict_get(runtime *rt, const dict *d, value key, const value **out);

#endif
