/* A strict JSON reader (RFC 8259) for messages and tool definitions. Values live in an arena. */
#ifndef SOTTO_BASE_JSON_H
#define SOTTO_BASE_JSON_H

#include "base/arena.h"
#include "base/str.h"

typedef enum sotto_json_type {
  SOTTO_JSON_NULL,
  SOTTO_JSON_BOOL,
  SOTTO_JSON_INT,    /* written without fraction or exponent and fits int64 */
  SOTTO_JSON_NUMBER, /* any other number */
  SOTTO_JSON_STRING,
  SOTTO_JSON_ARRAY,
  SOTTO_JSON_OBJECT,
} sotto_json_type;

/* Arrays and objects hold their children as a linked list, in the order of the text; of repeated
 * object keys the last value wins, at the first one's place (as in Python). */
typedef struct sotto_json {
  sotto_json_type type;
  bool boolean;
  int64_t integer;
  double number;      /* set for INT and NUMBER */
  sotto_slice string; /* unescaped, valid UTF-8 */
  sotto_slice key;    /* of an object's member */
  size_t count;       /* children */
  struct sotto_json *first, *next;
} sotto_json;

/* Parse the whole text (nesting at most 64 deep, UTF-8 checked). ERR_INVALID_JSON names the byte
 * offset. */
sotto_status sotto_json_parse(sotto_arena *arena, sotto_slice text, sotto_json **out);
/* The member of an object, or NULL (also when `object` is NULL or not an object). */
const sotto_json *sotto_json_get(const sotto_json *object, const char *key);

#endif
