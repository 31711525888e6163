/* Models with several chat templates: which one a request goes through, and what is refused. */
#include <stdlib.h>

#include "edited_model.h"
#include "engine_support.h"
#include "test.h"

#define MODEL     "models/tiny/tiny-f32.gguf"
#define KEY       "tokenizer.chat_template"
#define MESSAGES  "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]"
#define TOOLS     ", \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\"}}]"
#define NAMED(it) ", \"chat_template\": \"" it "\""

/* The model with these templates, `first` as its default (NULL: none). */
static sotto_engine *open_with(const char *first, const char *tool_use, const char *rag) {
  gguf_writer w;
  if (!edit_model(&w, MODEL, KEY)) return NULL;
  if (tool_use) gguf_write_string(&w, KEY ".tool_use", tool_use);
  if (first) gguf_write_string(&w, KEY, first);
  if (rag) gguf_write_string(&w, KEY ".rag", rag);
  static const char *const names[] = {"tool_use", "rag"};
  gguf_write_strings(&w, KEY "s", names, 2);
  size_t len, header;
  unsigned char *file = gguf_writer_finish(&w, &len, &header);
  const sotto_engine_options options = {.n_ctx = 64};
  sotto_engine *e = sotto_engine_new(&options);
  CHECK(load_bytes(e, (const char *)file, len) == SOTTO_OK);
  free(file);
  return e;
}

static sotto_status apply(sotto_engine *e, const char *json, const char **text) {
  const int32_t *ids;
  uint32_t n_ids, len;
  return sotto_engine_apply_chat_template(e, json, (uint32_t)strlen(json), 0, &ids, &n_ids, text,
                                          &len);
}

static void check_text(sotto_engine *e, const char *json, const char *expected) {
  const char *text;
  if (CHECK(apply(e, json, &text) == SOTTO_OK)) CHECK_STR(text, expected);
}

static void check_refused(sotto_engine *e, const char *json, sotto_status status,
                          const char *message) {
  const char *text;
  CHECK(apply(e, json, &text) == status);
  CHECK_STR(sotto_engine_message(e), message);
}

TEST(engine_picks_among_chat_templates) {
  sotto_engine *e = open_with("d{{ tools is none }}", "t{{ tools|length }}", "r{{ documents }}");
  if (!e) return;
  check_text(e, MESSAGES "}", "dTrue");
  check_text(e, MESSAGES TOOLS "}", "t1");
  check_text(e, MESSAGES ", \"tools\": []}", "dTrue");
  check_text(e, MESSAGES NAMED("rag") "}", "rNone");
  check_text(e, MESSAGES TOOLS NAMED("rag") "}", "rNone");
  check_text(e, MESSAGES TOOLS NAMED("default") "}", "dFalse");
  check_text(e, MESSAGES TOOLS NAMED("tool_use") "}", "t1");
  check_text(e, MESSAGES NAMED("{{ 1 }}") "}", "1");
  check_refused(e, MESSAGES NAMED("rags") "}", SOTTO_ERR_INVALID_ARGUMENT,
                "the model has no chat template 'rags'; it has: tool_use, default, rag");
  check_refused(e, MESSAGES NAMED("") "}", SOTTO_ERR_INVALID_ARGUMENT,
                "the model has no chat template ''; it has: tool_use, default, rag");
  check_text(e, MESSAGES "}", "dTrue");
  sotto_engine_free(e);
}

TEST(engine_without_a_chat_template_for_tools_or_without_any) {
  sotto_engine *e = open_with("d{{ tools|length }}", NULL, "r");
  if (!e) return;
  check_text(e, MESSAGES TOOLS "}", "d1");
  sotto_engine_free(e);
  e = open_with(NULL, "t{{ tools|length }}", NULL);
  check_text(e, MESSAGES TOOLS "}", "t1");
  check_refused(
      e, MESSAGES "}", SOTTO_ERR_INVALID_TEMPLATE,
      "the model has only chat templates with names; give one as chat_template: tool_use");
  sotto_engine_free(e);
  e = open_with(NULL, NULL, NULL);
  check_refused(e, MESSAGES NAMED("rag") "}", SOTTO_ERR_INVALID_TEMPLATE,
                "the model has no chat template; give one as chat_template, or use a plain "
                "completion");
  sotto_engine_free(e);
}

TEST(engine_reads_arguments_of_tool_calls) {
  sotto_engine *e = open_with("{% for c in messages[0].tool_calls or [] %}"
                              "{{ c.function.arguments|tojson }}{% endfor %}",
                              NULL, NULL);
  if (!e) return;
  check_text(e,
             "{\"messages\": [{\"role\": \"assistant\", \"tool_calls\": [{\"function\":"
             " {\"name\": \"f\", \"arguments\": \"{\\\"x\\\": 1}\"}}]}]}",
             "{\"x\": 1}");
  sotto_engine_free(e);
}

TEST(engine_checks_every_chat_template) {
  sotto_engine *e = open_with("fine", "{{ fine }}", "{{ oh no }}");
  sotto_check check = {0};
  if (!e) return;
  for (uint32_t i = 0;; i++) {
    CHECK(sotto_engine_check(e, i, &check) == SOTTO_OK);
    if (!*check.part || strcmp(check.part, "chat_template") == 0) break;
  }
  CHECK(check.status == SOTTO_ERR_INVALID_TEMPLATE && strstr(check.message, "template 'rag': "));
  check_text(e, MESSAGES "}", "fine");
  sotto_engine_free(e);
}
