/* The values of the template language: Python's, as far as templates can see them. Everything lives
 * in the arena of one rendering (or, for constants, of the template) and is immutable, except
 * namespaces, generators and loops. */
#ifndef SOTTO_CHAT_VALUES_VALUE_H
#define SOTTO_CHAT_VALUES_VALUE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "chat/values/runtime.h"

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
  V_GENERATOR, /* what map, select and their like give; its items can be taken once */
  V_NAMESPACE,
  V_FUNCTION, /* range, dict, raise_exception … */
  V_METHOD,   /* bound to its object */
  V_MACRO,
  V_LOOP,
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
    struct generator *generator;
    const struct undefined *undefined;
    const struct function *function;
    const struct method *method;
    const struct macro *macro;
    struct loop *loop;
    const void *object; /* any of the above */
  } as;
} value;

/* A stretch [start, end) of trusted bytes within a string. */
typedef struct span {
  uint32_t start, end;
} span;

typedef enum trust { UNTRUSTED, TRUSTED, MIXED } trust;

/* A string of valid UTF-8, indexed by code points. Each byte was written by the template, or
 * not. */
typedef struct str {
  const char *data;
  uint32_t len, chars; /* bytes; code points */
  trust trust;
  uint32_t n_spans; /* of MIXED: sorted, not touching, not empty */
  const span *spans;
  bool markup; /* came through |safe: `+` escapes what it joins to it, as in the reference */
} str;

/* A name as the two arguments of %.*s, cut to what fits in a message. */
#define CHAT_STR_ARG(s) (int)((s)->len < 64 ? (s)->len : 64), (s)->data

typedef struct list {
  size_t n;
  value *items;
} list;

typedef struct entry {
  value key, value;
} entry;

/* Entries keep the order in which they were inserted. */
typedef struct dict {
  size_t n, cap;
  entry *entries;
} dict;

typedef struct view {
  const dict *dict;
  enum { VIEW_KEYS, VIEW_VALUES, VIEW_ITEMS } what;
} view;

typedef struct range {
  int64_t start, stop, step;
  int64_t n;
} range;

typedef struct generator {
  list items;
  size_t at; /* items before this one have been taken */
} generator;

static inline value value_absent(void) {
  return (value){.type = V_ABSENT};
}
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
static inline value value_dict(dict *d) {
  return (value){.type = V_DICT, .as.dict = d};
}

#endif
