/* Memory, limits and failures of one rendering. */
#include "chat/values/runtime.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

void *chat_alloc(runtime *rt, size_t size) {
  if (size > rt->max_memory - rt->memory) {
    chat_fail(rt, "rendering needs more than %zu MB of memory", rt->max_memory >> 20);
    return NULL;
  }
  rt->memory += size;
  return sotto_arena_alloc(&rt->arena, size);
}

void *chat_array(runtime *rt, size_t n, size_t size) {
  size_t total;
  if (!sotto_size_mul(n, size, &total)) total = SIZE_MAX;
  return chat_alloc(rt, total);
}

sotto_status chat_fail(runtime *rt, const char *format, ...) {
  char message[SOTTO_MESSAGE_SIZE];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  message[sotto_utf8_complete_prefix(message, strlen(message))] = 0;
  return sotto_fail(rt->ctx, SOTTO_ERR_INVALID_TEMPLATE,
                    "chat template, line %u, column %u: %.400s", rt->at ? rt->at->line : 0,
                    rt->at ? rt->at->column : 0, message);
}

sotto_status chat_work(runtime *rt, uint64_t bytes) {
  if (bytes > rt->max_work - rt->work) {
    return chat_fail(rt, "rendering takes too long (an endless loop?)");
  }
  rt->work += bytes;
  return SOTTO_OK;
}

sotto_status chat_enter(runtime *rt) {
  if (rt->depth >= CHAT_MAX_DEPTH) return chat_fail(rt, "nested too deeply (endless recursion?)");
  rt->depth++;
  return SOTTO_OK;
}
