/* Arguments of tool calls. Clients of OpenAI's API send `function.arguments` as a string of JSON,
 * most templates write an object with `tojson` and would quote that string once more. So a template
 * gets the object, unless a trial conversation shows that it wants the string: templates that join
 * strings with `+` fail with an object, those that print it as it is write Python's form of a
 * dict. */
#include "chat/syntax/ast.h"
#include "chat/template.h"

#define KEY   "needle_key"
#define VALUE "needle_value"
#define TEXT  "{\"" KEY "\": \"" VALUE "\"}"

/* Tools are offered, called, answered, and the talk goes on: ids are of nine characters and roles
 * alternate, as the strictest templates ask. The calling message has no text, in both ways. */
#define CONVERSATION(content, arguments)                                                           \
  "[{\"role\": \"user\", \"content\": \"a\"},"                                                     \
  " {\"role\": \"assistant\", \"content\": " content ", \"tool_calls\": [{\"id\": \"call00001\","  \
  "  \"type\": \"function\", \"function\": {\"name\": \"f\", \"arguments\": " arguments "}}]},"    \
  " {\"role\": \"tool\", \"name\": \"f\", \"tool_call_id\": \"call00001\", \"content\": \"b\"},"   \
  " {\"role\": \"assistant\", \"content\": \"c\"}, {\"role\": \"user\", \"content\": \"d\"}]"
#define QUOTED "\"{\\\"" KEY "\\\": \\\"" VALUE "\\\"}\""

static const char *const with_object[] = {CONVERSATION("\"\"", TEXT), CONVERSATION("null", TEXT)};
static const char *const with_string[] = {CONVERSATION("\"\"", QUOTED),
                                          CONVERSATION("null", QUOTED)};
static const char tools_json[] =
    "[{\"type\": \"function\", \"function\": {\"name\": \"f\", \"description\": \"e\","
    " \"parameters\": {\"type\": \"object\", \"properties\":"
    "  {\"" KEY "\": {\"type\": \"string\", \"description\": \"e\"}}, \"required\": []}}}]";

enum { TRIAL_SHARE = 50 }; /* a trial may take a fiftieth of the work that a rendering may */

static bool contains(const sotto_str *text, const char *what) {
  const size_t n = strlen(what);
  for (size_t i = 0; i + n <= text->len; i++) {
    if (memcmp(text->data + i, what, n) == 0) return true;
  }
  return false;
}

/* Renders one of the conversations; what the template refuses leaves `out` empty. */
static sotto_status try_with(sotto_template *tmpl, sotto_arena *arena, const char *messages,
                             sotto_rendered *out) {
  sotto_json *parsed, *tools;
  const uint64_t max_work = tmpl->max_work;
  SOTTO_TRY(sotto_json_parse(arena, (sotto_slice){messages, strlen(messages)}, &parsed));
  SOTTO_TRY(sotto_json_parse(arena, SOTTO_SLICE(tools_json), &tools));
  const sotto_template_input input = {.messages = parsed,
                                      .tools = tools,
                                      .bos_token = SOTTO_SLICE("<s>"),
                                      .eos_token = SOTTO_SLICE("</s>")};
  tmpl->max_work = max_work / TRIAL_SHARE;
  const sotto_status status = sotto_template_render(tmpl, &input, out);
  tmpl->max_work = max_work;
  return status == SOTTO_ERR_OUT_OF_MEMORY ? status : SOTTO_OK;
}

static sotto_status find_out(sotto_template *tmpl, sotto_arena *arena, sotto_rendered *out) {
  bool object = false, string = false;
  for (int i = 0; i < 2 && !object; i++) {
    SOTTO_TRY(try_with(tmpl, arena, with_object[i], out));
    object = contains(&out->text, VALUE) && !contains(&out->text, "'" KEY "': '" VALUE);
  }
  for (int i = 0; i < 2 && !object && !string; i++) {
    SOTTO_TRY(try_with(tmpl, arena, with_string[i], out));
    string = contains(&out->text, TEXT);
  }
  tmpl->arguments = string ? ARGUMENTS_STRING : ARGUMENTS_OBJECT;
  return SOTTO_OK;
}

sotto_status sotto_template_wants_strings(sotto_template *tmpl, bool *out) {
  if (tmpl->arguments == ARGUMENTS_UNKNOWN) {
    sotto_arena arena;
    sotto_rendered rendered;
    sotto_arena_init(&arena, tmpl->ctx);
    sotto_rendered_init(&rendered, tmpl->ctx);
    const sotto_status status = find_out(tmpl, &arena, &rendered);
    sotto_rendered_free(&rendered);
    sotto_arena_free(&arena);
    SOTTO_TRY(status);
  }
  *out = tmpl->arguments == ARGUMENTS_STRING;
  return SOTTO_OK;
}

/* ---- a conversation ------------------------------------------------------------------------- */

/* The string of a call's arguments, or NULL where there is none. */
static sotto_json *arguments_of(const sotto_json *call) {
  const sotto_json *arguments = sotto_json_get(sotto_json_get(call, "function"), "arguments");
  return arguments && arguments->type == SOTTO_JSON_STRING ? (sotto_json *)arguments : NULL;
}

static bool is_blank(sotto_slice text) {
  for (size_t i = 0; i < text.len; i++) {
    if (!strchr(" \t\r\n", text.data[i]) || !text.data[i]) return false;
  }
  return true;
}

/* Text that is not an object of JSON stays as it is. */
static sotto_status parse_arguments(sotto_arena *arena, sotto_json *arguments) {
  const sotto_slice text = is_blank(arguments->string) ? SOTTO_SLICE("{}") : arguments->string;
  sotto_json *parsed;
  const sotto_status status = sotto_json_parse(arena, text, &parsed);
  if (status == SOTTO_ERR_OUT_OF_MEMORY) return status;
  if (status != SOTTO_OK || parsed->type != SOTTO_JSON_OBJECT) return SOTTO_OK;
  parsed->key = arguments->key;
  parsed->next = arguments->next;
  *arguments = *parsed;
  return SOTTO_OK;
}

sotto_status sotto_template_read_arguments(sotto_template *tmpl, sotto_arena *arena,
                                           sotto_json *messages) {
  for (sotto_json *m = messages->first; m; m = m->next) {
    const sotto_json *calls = sotto_json_get(m, "tool_calls");
    if (!calls || calls->type != SOTTO_JSON_ARRAY) continue;
    for (const sotto_json *call = calls->first; call; call = call->next) {
      sotto_json *arguments = arguments_of(call);
      bool strings;
      if (!arguments) continue;
      SOTTO_TRY(sotto_template_wants_strings(tmpl, &strings));
      if (strings) return SOTTO_OK;
      SOTTO_TRY(parse_arguments(arena, arguments));
    }
  }
  return SOTTO_OK;
}
