/* Arguments of tool calls as strings of JSON: each model's template renders them as the reference
 * does with what that template wants, an object or the string. */
#include <stdlib.h>

#include "chat/template.h"
#include "test.h"

/* One template with its memory; freed by close_scene. */
typedef struct scene {
  sotto_ctx ctx;
  sotto_arena arena;
  sotto_template *tmpl;
  sotto_rendered out;
  char *file;
} scene;

static bool open_scene(scene *s, sotto_slice source) {
  *s = (scene){0};
  sotto_ctx_init(&s->ctx, NULL, NULL);
  sotto_arena_init(&s->arena, &s->ctx);
  sotto_rendered_init(&s->out, &s->ctx);
  return CHECK(sotto_template_parse(&s->ctx, source, &s->tmpl) == SOTTO_OK);
}

static void close_scene(scene *s) {
  sotto_rendered_free(&s->out);
  sotto_template_free(s->tmpl);
  sotto_arena_free(&s->arena);
  CHECK(s->ctx.bytes_in_use == 0);
  free(s->file);
}

static const sotto_json *case_called(const sotto_json *root, const char *name) {
  for (const sotto_json *c = sotto_json_get(root, "cases")->first; c; c = c->next) {
    if (sotto_slice_is(sotto_json_get(c, "name")->string, name)) return c;
  }
  return NULL;
}

/* The golden call's arguments, as they are in the file, become the string that a client would
 * send. */
static bool send_as_string(const sotto_json *messages) {
  for (const sotto_json *m = messages->first; m; m = m->next) {
    const sotto_json *calls = sotto_json_get(m, "tool_calls");
    if (!calls) continue;
    const sotto_json *function = sotto_json_get(calls->first, "function");
    sotto_json *arguments = (sotto_json *)sotto_json_get(function, "arguments");
    if (arguments->type != SOTTO_JSON_OBJECT || arguments->count != 2) return false;
    arguments->type = SOTTO_JSON_STRING;
    arguments->string = SOTTO_SLICE("{\"city\": \"Bern\", \"days\": 2}");
    arguments->first = NULL;
    return true;
  }
  return false;
}

/* The golden rendering of the case `name`, from strings. */
static void check_family(const char *family, bool strings) {
  scene s;
  size_t source_len, len;
  char path[128];
  const char *name = strings ? "tool call, arguments as a string" : "tool call and result";
  snprintf(path, sizeof path, "tests/golden/templates/%s/template.jinja", family);
  char *source = test_read_file(path, &source_len);
  if (!source || !open_scene(&s, (sotto_slice){source, source_len})) return;
  free(source);
  snprintf(path, sizeof path, "tests/golden/templates/%s/conversations.json", family);
  s.file = test_read_file(path, &len);
  sotto_json *root;
  REQUIRE(s.file && sotto_json_parse(&s.arena, (sotto_slice){s.file, len}, &root) == SOTTO_OK);
  const sotto_json *c = case_called(root, name);
  REQUIRE(c && sotto_json_get(c, "expected"));
  const sotto_json *input = sotto_json_get(c, "input");
  sotto_json *messages = (sotto_json *)sotto_json_get(input, "messages");
  if (!strings) CHECK(send_as_string(messages));
  bool wants;
  CHECK(sotto_template_wants_strings(s.tmpl, &wants) == SOTTO_OK && wants == strings);
  CHECK(sotto_template_read_arguments(s.tmpl, &s.arena, messages) == SOTTO_OK);
  const sotto_json *bos = sotto_json_get(input, "bos_token"),
                   *eos = sotto_json_get(input, "eos_token");
  const sotto_template_input given = {.messages = messages,
                                      .tools = sotto_json_get(input, "tools"),
                                      .add_generation_prompt = true,
                                      .bos_token = bos ? bos->string : (sotto_slice){NULL, 0},
                                      .eos_token = eos ? eos->string : (sotto_slice){NULL, 0},
                                      .now = 1741964966};
  CHECK(sotto_template_render(s.tmpl, &given, &s.out) == SOTTO_OK);
  const sotto_slice text = {s.out.text.data, s.out.text.len};
  if (!CHECK(sotto_slice_eq(text, sotto_json_get(c, "expected")->string))) {
    printf("    %s\n%.*s\n", family, (int)text.len, text.data);
  }
  close_scene(&s);
}

TEST(template_arguments_of_models) {
  static const char *const objects[] = {
      "apertus",      "deepseek-v3.1", "gemma-4",           "glm-4.6",         "gpt-oss",
      "granite-4.0",  "hermes-3",      "kimi-k2",           "llama-3.1",       "llama-3.2",
      "minimax-m2",   "ministral-3",   "mistral-small-3.2", "nemotron-nano-2", "qwen-2.5",
      "mistral-nemo", "qwen-3",        "qwen-3-coder",      "qwen-3.5",        "seed-oss",
      "solar-open",
  };
  for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) check_family(objects[i], false);
  check_family("deepseek-v3", true);
}

/* ---- small templates ------------------------------------------------------------------------ */

#define CALLS(body)                                                                                \
  "{% for m in messages %}{% for c in m.tool_calls or [] %}{% set a = c.function.arguments "       \
  "%}" body "{% endfor %}{% endfor %}"

/* What `source` makes of the arguments that stand in the JSON text. */
static void check_small(const char *source, const char *arguments, const char *expected) {
  scene s;
  char json[512];
  sotto_json *messages;
  if (!open_scene(&s, (sotto_slice){source, strlen(source)})) return;
  snprintf(json, sizeof json,
           "[{\"role\": \"assistant\", \"tool_calls\": [{\"function\": {\"name\": \"f\","
           " \"arguments\": %s}}, {\"function\": {\"arguments\": {\"o\": 1}}}]}]",
           arguments);
  REQUIRE(sotto_json_parse(&s.arena, (sotto_slice){json, strlen(json)}, &messages) == SOTTO_OK);
  CHECK(sotto_template_read_arguments(s.tmpl, &s.arena, messages) == SOTTO_OK);
  const sotto_template_input input = {.messages = messages};
  CHECK(sotto_template_render(s.tmpl, &input, &s.out) == SOTTO_OK);
  CHECK_STR(s.out.text.data, expected);
  close_scene(&s);
}

TEST(template_arguments_that_are_no_objects) {
  const char *json = CALLS("{{ a|tojson }};");
  check_small(json, "\"{\\\"b\\\": [1, {}], \\\"a\\\": null}\"",
              "{\"b\": [1, {}], \"a\": null};{\"o\": 1};");
  check_small(json, "\"\"", "{};{\"o\": 1};");
  check_small(json, "\" \\n\"", "{};{\"o\": 1};");
  check_small(json, "\"[1]\"", "\"[1]\";{\"o\": 1};");
  check_small(json, "\"Bern\"", "\"Bern\";{\"o\": 1};");
  check_small(json, "\"{\\\"a\\\": \"", "\"{\\\"a\\\": \";{\"o\": 1};");
  check_small(json, "7", "7;{\"o\": 1};");
  check_small("{{ messages|length }}", "\"{}\"", "1"); /* shows no calls */
}

TEST(template_arguments_as_the_template_wants_them) {
  const char *text = "\"{\\\"b\\\":1}\"";
  /* takes both: an object */
  check_small(CALLS("{{ a if a is string else a|tojson }};"), text, "{\"b\": 1};{\"o\": 1};");
  check_small(CALLS("{% for k, v in a|items %}{{ k }}={{ v }}{% endfor %};"), text, "b=1;o=1;");
  /* as it is, or joined: the string */
  check_small(CALLS("{{ a }};"), text, "{\"b\":1};{'o': 1};");
  check_small(CALLS("{{ a|string }};"), text, "{\"b\":1};{'o': 1};");
  check_small(CALLS("{{ '[' ~ a ~ ']' }};"), text, "[{\"b\":1}];[{'o': 1}];");
  check_small(CALLS("{% if a is string %}{{ 'f(' + a + ')' }}{% endif %};"), text,
              "f({\"b\":1});;");
}

TEST(template_arguments_of_a_template_that_never_ends) {
  scene s;
  bool strings = true;
  const sotto_slice source =
      SOTTO_SLICE("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}");
  if (!open_scene(&s, source)) return;
  CHECK(sotto_template_wants_strings(s.tmpl, &strings) == SOTTO_OK && !strings);
  close_scene(&s);
}

static void *failing_alloc(void *user, void *ptr, size_t old_size, size_t new_size) {
  long *left = user;
  (void)old_size;
  if (new_size == 0) {
    free(ptr);
    return NULL;
  }
  return (*left)-- > 0 ? realloc(ptr, new_size) : NULL;
}

TEST(template_arguments_out_of_memory) {
  const char *source = CALLS("{{ 'f(' + a + ')' }};");
  const char *json = "[{\"tool_calls\": [{\"function\": {\"arguments\": \"{}\"}}]}]";
  for (long n = 0;; n++) {
    long left = n;
    scene s = {0};
    sotto_json *messages;
    sotto_ctx_init(&s.ctx, failing_alloc, &left);
    sotto_arena_init(&s.arena, &s.ctx);
    sotto_rendered_init(&s.out, &s.ctx);
    sotto_status status =
        sotto_template_parse(&s.ctx, (sotto_slice){source, strlen(source)}, &s.tmpl);
    if (!status) status = sotto_json_parse(&s.arena, (sotto_slice){json, strlen(json)}, &messages);
    if (!status) status = sotto_template_read_arguments(s.tmpl, &s.arena, messages);
    bool strings = status == SOTTO_OK;
    if (!status) status = sotto_template_wants_strings(s.tmpl, &strings);
    CHECK(strings == (status == SOTTO_OK));
    close_scene(&s);
    if (status == SOTTO_OK) break;
    REQUIRE(CHECK(status == SOTTO_ERR_OUT_OF_MEMORY) && n < 1000);
  }
}
