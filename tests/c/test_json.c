/* base/json.c and base/decimal.c: what is read, what is refused, and failing allocations. */
#include <stdint.h>
#include <stdlib.h>

#include "base/decimal.h"
#include "base/json.h"
#include "test.h"

/* The value written back in a canonical form: i for int, n for number, members as key:value. */
static void dump(const sotto_json *v, sotto_str *out) {
  char number[SOTTO_DECIMAL_SIZE];
  switch (v->type) {
  case SOTTO_JSON_NULL: sotto_str_append_c(out, "null"); break;
  case SOTTO_JSON_BOOL: sotto_str_append_c(out, v->boolean ? "true" : "false"); break;
  case SOTTO_JSON_INT: sotto_str_appendf(out, "i%lld", (long long)v->integer); break;
  case SOTTO_JSON_NUMBER:
    sotto_decimal_repr(v->number, number);
    sotto_str_appendf(out, "n%s", number);
    break;
  case SOTTO_JSON_STRING: sotto_str_append_json(out, v->string); break;
  case SOTTO_JSON_ARRAY:
  case SOTTO_JSON_OBJECT: {
    bool object = v->type == SOTTO_JSON_OBJECT;
    size_t n = 0;
    sotto_str_append_c(out, object ? "{" : "[");
    for (const sotto_json *m = v->first; m; m = m->next, n++) {
      if (n) sotto_str_append_c(out, ",");
      if (object) {
        sotto_str_append_json(out, m->key);
        sotto_str_append_c(out, ":");
      }
      dump(m, out);
    }
    CHECK(n == v->count);
    sotto_str_append_c(out, object ? "}" : "]");
  }
  }
}

static void check_reads(const char *text, size_t len, const char *expected) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  sotto_arena arena;
  sotto_arena_init(&arena, &ctx);
  sotto_str out;
  sotto_str_init(&out, &ctx);
  char *copy = malloc(len ? len : 1); /* the exact size, so that a sanitizer sees a byte too far */
  memcpy(copy, text, len);
  sotto_json *value;
  sotto_status status = sotto_json_parse(&arena, (sotto_slice){copy, len}, &value);
  free(copy); /* values do not point into the text */
  if (status == SOTTO_OK) {
    dump(value, &out);
    CHECK_STR(out.data, expected);
  } else {
    CHECK(status == SOTTO_ERR_INVALID_JSON);
    CHECK(value == NULL);
    CHECK_STR(ctx.message, expected);
  }
  sotto_str_free(&out);
  sotto_arena_free(&arena);
  CHECK(ctx.bytes_in_use == 0);
}

TEST(json_reads) {
  static const struct {
    const char *text, *expected;
  } cases[] = {
      {"null", "null"},
      {" \t\r\n true \n", "true"},
      {"[]", "[]"},
      {"{ }", "{}"},
      {"[1, [2, []], {\"a\": false}]", "[i1,[i2,[]],{\"a\":false}]"},
      {"{\"b\":1,\"a\":{\"x\":null}}", "{\"b\":i1,\"a\":{\"x\":null}}"},
      {"{\"a\":1,\"b\":2,\"a\":3,\"c\":4,\"b\":5,\"a\":6}", "{\"a\":i6,\"b\":i5,\"c\":i4}"},
      {"{\"\":1,\"\":2}", "{\"\":i2}"},
      {"0", "i0"},
      {"-0", "i0"},
      {"-12", "i-12"},
      {"9223372036854775807", "i9223372036854775807"},
      {"-9223372036854775808", "i-9223372036854775808"},
      {"9223372036854775808", "n9.223372036854776e+18"},
      {"-9223372036854775809", "n-9.223372036854776e+18"},
      {"[1.0,-0.0,1e2,1E+2,1.5e-7,0.1,123456.789]",
       "[n1.0,n-0.0,n100.0,n100.0,n1.5e-07,n0.1,n123456.789]"},
      {"1e-400", "n0.0"},
      {"\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"a\\\"\\\\/\\u0008\\u000c\\n\\r\\t\""},
      {"\"\\u00e9\\u4E2d\\ud83d\\ude00\"", "\"é中😀\""},
      {"\"\\ud83d\"", "\"\xEF\xBF\xBD\""},
      {"\"\\ud83dx\\ude00\\ud83d\\u0041\"", "\"\xEF\xBF\xBDx\xEF\xBF\xBD\xEF\xBF\xBD"
                                            "A\""},
      {"\"\\u0000é😀\"", "\"\\u0000é😀\""},
      /* refused */
      {"", "invalid JSON at byte 0: expected a value"},
      {"nul", "invalid JSON at byte 0: expected a value"},
      {"True", "invalid JSON at byte 0: expected a value"},
      {"NaN", "invalid JSON at byte 0: expected a value"},
      {"-Infinity", "invalid JSON at byte 1: expected a digit"},
      {"\xEF\xBB\xBF{}", "invalid JSON at byte 0: expected a value"},
      {"1 2", "invalid JSON at byte 2: something behind the end of the value"},
      {"01", "invalid JSON at byte 1: something behind the end of the value"},
      {"+1", "invalid JSON at byte 0: expected a value"},
      {".5", "invalid JSON at byte 0: expected a value"},
      {"1.", "invalid JSON at byte 2: expected a digit after the decimal point"},
      {"1e", "invalid JSON at byte 2: expected a digit in the exponent"},
      {"1e400", "invalid JSON at byte 0: the number is outside a double's range"},
      {"[1,]", "invalid JSON at byte 3: expected a value"},
      {"[1 2]", "invalid JSON at byte 3: expected ',' or ']'"},
      {"[", "invalid JSON at byte 1: expected a value"},
      {"[1", "invalid JSON at byte 2: expected ',' or ']'"},
      {"{\"a\":1,}", "invalid JSON at byte 7: expected a string"},
      {"{\"a\" 1}", "invalid JSON at byte 5: expected ':' after the key"},
      {"{a:1}", "invalid JSON at byte 1: expected a string"},
      {"{'a':1}", "invalid JSON at byte 1: expected a string"},
      {"\"abc", "invalid JSON at byte 0: the string is not closed"},
      {"\"abc\\", "invalid JSON at byte 0: the string is not closed"},
      {"\"abc\\\"", "invalid JSON at byte 0: the string is not closed"},
      {"\"a\nb\"", "invalid JSON at byte 2: a control character in a string; write it as \\u00XX"},
      {"\"\\x41\"", "invalid JSON at byte 2: unknown escape in a string"},
      {"\"\\u12g4\"", "invalid JSON at byte 3: expected four hex digits after \\u"},
      {"\"\\u12\"", "invalid JSON at byte 3: expected four hex digits after \\u"},
      {"\"a\xFF\"", "invalid JSON at byte 2: invalid UTF-8"},
      {"\"\xC0\x80\"", "invalid JSON at byte 1: invalid UTF-8"},
      {"\"\xED\xA0\x80\"", "invalid JSON at byte 1: invalid UTF-8"},
      {"\"\xF0\x9F\x98\"", "invalid JSON at byte 1: invalid UTF-8"},
      {"// x\n1", "invalid JSON at byte 0: expected a value"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    check_reads(cases[i].text, strlen(cases[i].text), cases[i].expected);
  }
  check_reads("\"a\0b\"", 5,
              "invalid JSON at byte 2: a control character in a string; write it as \\u00XX");
}

TEST(json_limits_nesting) {
  char text[140], expected[140];
  memset(text, '[', 65);
  memset(text + 65, ']', 65);
  memset(expected, '[', 64);
  memset(expected + 64, ']', 64);
  expected[128] = 0;
  check_reads(text + 1, 128, expected);
  check_reads(text, 130, "invalid JSON at byte 64: nested more than 64 deep");
}

TEST(json_many_members_and_repeats) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  sotto_arena arena;
  sotto_arena_init(&arena, &ctx);
  sotto_str text;
  sotto_str_init(&text, &ctx);
  enum { N = 20000 };
  for (int i = 0; i < 2 * N; i++) {
    sotto_str_appendf(&text, "%c\"k%d\":%d", i ? ',' : '{', i * 7919 % N, i);
  }
  sotto_str_append_c(&text, "}");
  sotto_json *value;
  CHECK(sotto_json_parse(&arena, (sotto_slice){text.data, text.len}, &value) == SOTTO_OK);
  if (value) {
    CHECK(value->count == N);
    CHECK(sotto_json_get(value, "k0")->integer == N);
    CHECK(sotto_json_get(value, "k7919")->integer == N + 1);
    CHECK(sotto_slice_is(value->first->next->key, "k7919"));
    CHECK(sotto_json_get(value, "k") == NULL);
    CHECK(sotto_json_get(value->first, "k") == NULL);
  }
  CHECK(sotto_json_get(NULL, "k") == NULL);
  sotto_str_free(&text);
  sotto_arena_free(&arena);
  CHECK(ctx.bytes_in_use == 0);
}

static void *failing_alloc(void *user, void *ptr, size_t old_size, size_t new_size) {
  (void)old_size;
  if (new_size == 0) {
    free(ptr);
    return NULL;
  }
  long *left = user;
  return (*left)-- > 0 ? realloc(ptr, new_size) : NULL;
}

TEST(json_out_of_memory_at_every_allocation) {
  char text[6000] = "[{\"a\":1,\"b\":\"";
  memset(text + strlen(text), 'x', 5000);
  strcat(text, "\"},{\"a\":[1,2,3],\"a\":2}]");
  for (long n = 0;; n++) {
    long left = n;
    sotto_ctx ctx;
    sotto_ctx_init(&ctx, failing_alloc, &left);
    sotto_arena arena;
    sotto_arena_init(&arena, &ctx);
    sotto_json *value;
    sotto_status status = sotto_json_parse(&arena, (sotto_slice){text, strlen(text)}, &value);
    sotto_arena_free(&arena);
    CHECK(ctx.bytes_in_use == 0);
    if (status == SOTTO_OK) {
      CHECK(n >= 4);
      break;
    }
    REQUIRE(status == SOTTO_ERR_OUT_OF_MEMORY);
  }
}

TEST(decimal_repr_is_pythons) {
  static const struct {
    double v;
    const char *expected;
  } cases[] = {
      {0.0, "0.0"},
      {-0.0, "-0.0"},
      {1, "1.0"},
      {-1.5, "-1.5"},
      {0.1, "0.1"},
      {0.1 + 0.2, "0.30000000000000004"},
      {1.0 / 3, "0.3333333333333333"},
      {2.0 / 3, "0.6666666666666666"},
      {100, "100.0"},
      {1e15, "1000000000000000.0"},
      {1e16, "1e+16"},
      {9007199254740993.0, "9007199254740992.0"},
      {123456789012345680.0, "1.2345678901234568e+17"},
      {0.0001, "0.0001"},
      {0.00001, "1e-05"},
      {0.000123, "0.000123"},
      {1e22, "1e+22"},
      {1e23, "1e+23"},
      {9.5e-7, "9.5e-07"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {2.2250738585072014e-308, "2.2250738585072014e-308"},
      {5e-324, "5e-324"},
      {4.35, "4.35"},
      {0.7, "0.7"},
      {671224743670111.25, "671224743670111.2"},
      {1e100, "1e+100"},
  };
  char out[SOTTO_DECIMAL_SIZE];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK(sotto_decimal_repr(cases[i].v, out) == strlen(cases[i].expected));
    CHECK_STR(out, cases[i].expected);
  }
  double inf = sotto_decimal_parse("1e999", 5);
  sotto_decimal_repr(inf, out);
  CHECK_STR(out, "inf");
  sotto_decimal_repr(-inf, out);
  CHECK_STR(out, "-inf");
  sotto_decimal_repr(inf - inf, out);
  CHECK_STR(out, "nan");
}

/* Against the C library, which is right to the last bit natively: every kind of double, and texts
 * that lie exactly on or just beside the middle between two doubles. */
TEST(decimal_round_trips_and_reads_like_strtod) {
  uint64_t state = 88172645463325252u;
  for (int i = 0; i < 20000; i++) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    uint64_t bits = i % 3 ? state : state & 0x800FFFFFFFFFFFFFu; /* every third is subnormal */
    double v, back;
    memcpy(&v, &bits, sizeof v);
    if (v - v != 0) continue;
    char out[SOTTO_DECIMAL_SIZE], longer[40];
    size_t n = sotto_decimal_repr(v, out);
    back = sotto_decimal_parse(out, n);
    if (!CHECK(memcmp(&back, &v, sizeof v) == 0)) printf("    %s\n", out);
    snprintf(longer, sizeof longer, "%.*e", i % 25, v);
    double expected = strtod(longer, NULL);
    back = sotto_decimal_parse(longer, strlen(longer));
    if (!CHECK(memcmp(&back, &expected, sizeof v) == 0)) printf("    %s\n", longer);
  }
  static const char *const hard[] = {
      "9007199254740993",
      "9007199254740993.00000000000000000000000000000000000000001",
      "9007199254740992.99999999999999999999999999999999999999999",
      "2.2250738585072011e-308",
      "2.4703282292062327e-324",
      "2.4703282292062328e-324",
      "1.7976931348623158e308",
      "1.7976931348623159e308",
      "0.00000000000000000000000000000000000000000000000000000000000000000000000000000001",
      "100000000000000000000000000000000000000000000000000000000000000000000000000000000000e-80",
  };
  for (size_t i = 0; i < sizeof hard / sizeof *hard; i++) {
    double a = sotto_decimal_parse(hard[i], strlen(hard[i])), b = strtod(hard[i], NULL);
    if (!CHECK(memcmp(&a, &b, sizeof a) == 0)) printf("    %s\n", hard[i]);
  }
  /* A double in all of its 1,074 decimals, then with its last digit changed. */
  char text[1200];
  snprintf(text, sizeof text, "%.1074f", 1.5 * 2.2250738585072014e-308);
  for (int i = 0; i < 2; i++) {
    double a = sotto_decimal_parse(text, strlen(text)), b = strtod(text, NULL);
    CHECK(memcmp(&a, &b, sizeof a) == 0);
    text[strlen(text) - 1] ^= 1;
  }
}
