/* Chat templates: an interpreter for the part of Jinja that models' templates use, rendering as
 * transformers does (trim_blocks, lstrip_blocks, its tojson, strftime_now, raise_exception).
 *
 * Provenance: every string the interpreter handles remembers, run by run, whether its bytes were
 * written in the template (literals, template text, bos_token and the like) or came from the
 * caller's messages and tools. The output lists the trusted stretches; only there may the tokenizer
 * see special tokens. Operations keep provenance (slicing, trim, replace, concatenation, join,
 * split); what cannot keep it is untrusted.
 *
 * Templates are hostile input: nesting, iterations, output size and memory are bounded, and there
 * is no access to anything but the values given. */
#ifndef SOTTO_CHAT_TEMPLATE_H
#define SOTTO_CHAT_TEMPLATE_H

#include "base/json.h"
#include "base/str.h"
#include "tokenizer/tokenizer.h"

typedef struct sotto_template sotto_template;

/* Parse a template (copied). ERR_INVALID_TEMPLATE names line and column and what was expected. */
sotto_status sotto_template_parse(sotto_ctx *ctx, sotto_slice source, sotto_template **out);
void sotto_template_free(sotto_template *tmpl);

typedef struct sotto_template_input {
  const sotto_json *messages; /* array of {role, content, …} */
  const sotto_json *tools;    /* array or NULL (none) */
  const sotto_json *extra; /* object of further variables (enable_thinking, documents …) or NULL */
  bool add_generation_prompt;
  sotto_slice bos_token, eos_token; /* trusted */
  int64_t now; /* Unix seconds for strftime_now, UTC; the core has no clock of its own */
} sotto_template_input;

typedef struct sotto_rendered {
  sotto_str text;
  sotto_span *trusted; /* sorted stretches of text written by the template */
  size_t n_trusted, cap_trusted;
} sotto_rendered;

/* What calls of tools in the messages have as a string of JSON (`function.arguments`, as clients of
 * OpenAI's API send it) becomes the object it holds, an empty one for an empty string. It stays a
 * string if it is no object, or if the template wants strings; that is found out by rendering trial
 * conversations when it is asked for first, and remembered. New values live in `arena`. */
sotto_status sotto_template_read_arguments(sotto_template *tmpl, sotto_arena *arena,
                                           sotto_json *messages);
sotto_status sotto_template_wants_strings(sotto_template *tmpl, bool *out);

/* Render. raise_exception in the template gives ERR_TEMPLATE_RAISED with its message. */
sotto_status sotto_template_render(const sotto_template *tmpl, const sotto_template_input *input,
                                   sotto_rendered *out);
void sotto_rendered_init(sotto_rendered *rendered, sotto_ctx *ctx);
void sotto_rendered_free(sotto_rendered *rendered);

#endif
