/* Running a template: one rendering's state, and what the files of the evaluator offer each
 * other. */
#ifndef SOTTO_CHAT_EVAL_RENDERING_H
#define SOTTO_CHAT_EVAL_RENDERING_H

#include "chat/filters/filters.h"
#include "chat/syntax/ast.h"

typedef struct scope scope;

typedef struct rendering {
  runtime rt; /* comes first: chat_rendering() finds the rendering from it */
  const sotto_template *tmpl;
  builder *out; /* where output goes: the result, or what a block captures */
  scope *root;
  uint32_t loop_name, caller_name, varargs_name,
      kwargs_name; /* n_names for those that the template does not mention */
} rendering;

static inline rendering *chat_rendering(runtime *rt) {
  return (rendering *)rt;
}

/* scope.c. Variables of the root are found by number, those of inner scopes by searching. */
struct scope {
  scope *parent;
  struct variable {
    uint32_t name;
    value v;
  } *variables;
  uint32_t n, cap;
  bool kept; /* a macro refers to it, so that a loop must not use it again */
};
sotto_status chat_scope_new(runtime *rt, scope *parent, scope **out);
sotto_status chat_scope_set(runtime *rt, scope *s, uint32_t name, value v);
sotto_status chat_scope_get(runtime *rt, scope *s, uint32_t name, value *out);
/* Assigns `v` to a name or an attribute of a namespace, or its items to a tuple of such targets. */
sotto_status chat_assign(runtime *rt, const node *target, scope *s, value v);

/* eval.c: expressions. */
sotto_status chat_eval(runtime *rt, const node *n, scope *s, value *out);
sotto_status chat_eval_arguments(runtime *rt, const node *first, scope *s, arguments *out);
/* Sends `input`, a block's text, through the block's filters. */
sotto_status chat_eval_filters(runtime *rt, const node *filter, scope *s, value input, value *out);

/* exec.c: statements, and what they write as a string. */
typedef enum flow { FLOW_NORMAL, FLOW_BREAK, FLOW_CONTINUE } flow;
sotto_status chat_exec(runtime *rt, const node *first, scope *s, flow *how);
sotto_status chat_capture(runtime *rt, const node *body, scope *s, flow *how, const str **out);

/* loop.c: for, and attributes of its `loop`. */
sotto_status chat_exec_for(runtime *rt, const node *n, scope *s, flow *how);
sotto_status chat_loop_attribute(runtime *rt, struct loop *loop, const str *name, value *out);

/* call.c */
sotto_status chat_call(runtime *rt, value callee, const arguments *args, value *out);
sotto_status chat_macro_new(runtime *rt, const node *n, scope *s, value *out);

#endif
