/* One rendering: its memory, its limits, and what the interpreter's files offer each other. */
#ifndef SOTTO_CHAT_RUNTIME_H
#define SOTTO_CHAT_RUNTIME_H

#include "base/arena.h"
#include "base/str.h"
#include "chat/ast.h"
#include "chat/value.h"

/* Limits of one rendering; what exceeds them is ERR_INVALID_TEMPLATE. They are far above what models'
 * templates need: a conversation of 1,000 messages takes 0.3 % of the work, and 6 % in the one known
 * template that looks back from each message to those before it. */
#define CHAT_MAX_WORK        ((uint64_t)50000000 * CHAT_WORK_STEP) /* 50 million evaluated nodes */
#define CHAT_WORK_STEP       64                    /* a node costs as much as 64 bytes */
#define CHAT_WORK_DECIMAL    (64 * CHAT_WORK_STEP) /* a float to or from text */
#define CHAT_MAX_STRING      ((size_t)64 << 20)    /* one string, and the output */
#define CHAT_MAX_MEMORY      ((size_t)256 << 20)
#define CHAT_MAX_DEPTH       400    /* nested evaluations, macro calls included */
#define CHAT_MAX_VALUE_DEPTH 100    /* nested lists and dicts when written or compared */
#define CHAT_MAX_RANGE       100000 /* elements of a range(), as in the reference */

typedef struct builder builder;

struct runtime {
  sotto_ctx *ctx;
  sotto_arena arena;
  size_t memory; /* bytes asked of the arena */
  uint64_t work;
  unsigned depth;
  const node *at; /* where an error is */
  const sotto_template *tmpl;
  builder *out; /* where output goes: the result, or what a block captures */
  scope *root;
  int64_t now;
  uint32_t loop_name, caller_name, varargs_name, kwargs_name; /* n_names where not mentioned */
  /* Strings that were made last and can grow in place: end of text, room behind it. */
  struct {
    char *end;
    size_t room;
  } tails[4];
  unsigned next_tail;
};

/* runtime.c */
void *chat_alloc(runtime *rt, size_t size); /* zeroed; NULL with the failure recorded */
void *chat_array(runtime *rt, size_t n, size_t size);
sotto_status chat_fail(runtime *rt, const char *format, ...) __attribute__((format(printf, 2, 3)));
sotto_status chat_work(runtime *rt, uint64_t bytes);
/* What using an undefined value gives. */
sotto_status chat_fail_undefined(runtime *rt, value v);
sotto_status chat_undefined_name(runtime *rt, const str *name, value *out);
sotto_status chat_undefined_hint(runtime *rt, const char *hint, value *out); /* a literal */
sotto_status chat_undefined_attribute(runtime *rt, value object, value name, value *out);
#define CHAT_NO_MEMORY(ptr)                                                                        \
  if (!(ptr)) return rt->ctx->status

/* Variables: those of the root by number, those of inner scopes by search. */
struct scope {
  scope *parent;
  struct variable {
    uint32_t name;
    value v;
  } *variables;
  uint32_t n, cap;
  bool kept; /* a macro refers to it: do not reuse */
};
sotto_status chat_scope_new(runtime *rt, scope *parent, scope **out);
sotto_status chat_scope_set(runtime *rt, scope *s, uint32_t name, value v);
sotto_status chat_scope_get(runtime *rt, scope *s, uint32_t name, value *out);

/* Arguments of a call. */
typedef struct arguments {
  value *positional;
  size_t n;
  struct keyword {
    const str *name;
    value v;
  } *keywords;
  size_t n_keywords;
} arguments;
/* Put the arguments into slots in the order of `names` ("a,b,c"), V_ABSENT where not given. */
sotto_status chat_bind(runtime *rt, const char *callee, const char *names, size_t required,
                       const arguments *args, value *slots);
#define CHAT_MAX_PARAMETERS 8

/* eval.c, exec.c, call.c */
sotto_status chat_eval(runtime *rt, const node *n, scope *s, value *out);
typedef enum flow { FLOW_NORMAL, FLOW_BREAK, FLOW_CONTINUE } flow;
sotto_status chat_exec(runtime *rt, const node *first, scope *s, flow *how);
sotto_status chat_capture(runtime *rt, const node *body, scope *s, flow *how, const str **out);
sotto_status chat_exec_for(runtime *rt, const node *n, scope *s, flow *how);
sotto_status chat_assign(runtime *rt, const node *target, scope *s, value v);
sotto_status chat_eval_arguments(runtime *rt, const node *first, scope *s, arguments *out);
sotto_status chat_call(runtime *rt, value callee, const arguments *args, value *out);
sotto_status chat_macro_new(runtime *rt, const node *n, scope *s, value *out);
sotto_status chat_call_loop(runtime *rt, struct loop *loop, const arguments *args, value *out);
sotto_status chat_loop_method(runtime *rt, struct loop *l, bool cycle, const arguments *args,
                              value *out);
/* *out is V_ABSENT when there is no such attribute. */
sotto_status chat_loop_attribute(runtime *rt, struct loop *loop, const str *name, value *out);
sotto_status chat_macro_attribute(runtime *rt, const struct macro *m, const str *name, value *out);

/* access.c */
sotto_status chat_get_attribute(runtime *rt, value object, const str *name, value *out);
sotto_status chat_get_item(runtime *rt, value object, value key, value *out);
sotto_status chat_slice(runtime *rt, value v, value start, value stop, value step, value *out);

/* operators.c */
sotto_status chat_binary(runtime *rt, operator op, value a, value b, value *out);
sotto_status chat_negate(runtime *rt, value v, value *out);

/* iterate.c */
sotto_status chat_iterate(runtime *rt, value v, iterator **out);
sotto_status chat_next(runtime *rt, iterator *it, value *out, bool *more);
sotto_status chat_to_list(runtime *rt, value v, list *out);
/* Walks `source`, giving what `step` makes of its items; step may drop one (*keep = false). */
typedef sotto_status iterate_step(runtime *rt, void *data, value item, value *out, bool *keep);
sotto_status chat_iterator_new(runtime *rt, iterator *source, iterate_step *step, void *data,
                               iterator **out);
/* Over what `make` gives, which is called when the first item is asked for. */
typedef sotto_status iterate_make(runtime *rt, void *data, value *out);
sotto_status chat_iterator_deferred(runtime *rt, iterate_make *make, void *data, value *out);
sotto_status chat_iterator_of_list(runtime *rt, const list *items, value *out);

/* text.c, json_text.c, format.c */
sotto_status chat_to_string(runtime *rt, value v, const str **out); /* str(v) */
sotto_status chat_write(runtime *rt, builder *b, value v);          /* str(v) appended */
sotto_status chat_write_repr(runtime *rt, builder *b, value v);
sotto_status chat_to_json(runtime *rt, value v, const arguments *options, value *out);
sotto_status chat_format_percent(runtime *rt, const str *format, value args, value *out);
sotto_status chat_format_braces(runtime *rt, const str *format, const arguments *args, value *out);
sotto_status chat_format_time(runtime *rt, const str *format, int64_t now, value *out);

/* filters*.c, tests.c, methods*.c, globals.c: -1 or NULL when there is none of this name. */
int chat_find_filter(const char *name, size_t len);
sotto_status chat_filter(runtime *rt, int filter, value input, const arguments *args, value *out);
int chat_find_test(const char *name, size_t len);
sotto_status chat_test(runtime *rt, int test, value input, const arguments *args, bool *out);
/* *out is V_ABSENT when values of this type have no such method. */
sotto_status chat_get_method(runtime *rt, value object, const str *name, value *out);
sotto_status chat_call_method(runtime *rt, const struct method *m, const arguments *args,
                              value *out);
const struct function *chat_find_global(const char *name, size_t len);
sotto_status chat_call_function(runtime *rt, const struct function *f, const arguments *args,
                                value *out);

#endif
