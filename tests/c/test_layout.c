/* The layouts that JavaScript works with cover every public struct whole. */
#include <stdlib.h>

#include "api/sotto.h"
#include "base/arena.h"
#include "base/json.h"
#include "test.h"

static size_t field_size(sotto_slice type) {
  if (sotto_slice_is(type, "ptr")) return sizeof(void *);
  return sotto_slice_is(type, "u64") || sotto_slice_is(type, "f64") ? 8 : 4;
}

TEST(layout_json_covers_every_struct) {
  sotto_ctx ctx;
  sotto_ctx_init(&ctx, NULL, NULL);
  sotto_arena arena;
  sotto_arena_init(&arena, &ctx);
  const char *text = sotto_layout_json();
  sotto_json *json;
  REQUIRE(sotto_json_parse(&arena, (sotto_slice){text, strlen(text)}, &json) == SOTTO_OK);
  const sotto_json *structs = sotto_json_get(json, "structs");
  const struct {
    const char *name;
    size_t size;
  } sizes[] = {{"engine_options", sizeof(sotto_engine_options)},
               {"memory_plan", sizeof(sotto_memory_plan)},
               {"range", sizeof(sotto_range)},
               {"check", sizeof(sotto_check)},
               {"model_info", sizeof(sotto_model_info)},
               {"bias", sizeof(sotto_bias)},
               {"request", sizeof(sotto_request)},
               {"top_logprob", sizeof(sotto_top_logprob)},
               {"event", sizeof(sotto_event)},
#define GPU(name) {"gpu_" #name, sizeof(sotto_gpu_##name)}
               GPU(device),
               GPU(commands),
               GPU(record),
               GPU(buffer),
               GPU(pipeline),
               GPU(binding),
               GPU(bind_group),
               GPU(dispatch),
               GPU(list),
               GPU(write),
               GPU(copy),
               GPU(clear),
               GPU(read),
               GPU(run)};
#undef GPU
  CHECK(structs && structs->count == sizeof sizes / sizeof *sizes);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    const sotto_json *s = sotto_json_get(structs, sizes[i].name);
    REQUIRE(s != NULL);
    CHECK(sotto_json_get(s, "size")->integer == (int64_t)sizes[i].size);
    size_t end = 0; /* fields are in order, with no more between them than alignment asks for */
    for (const sotto_json *f = sotto_json_get(s, "fields")->first; f; f = f->next) {
      size_t size = field_size(f->first->string), offset = (size_t)f->first->next->integer;
      CHECK(offset == (end + size - 1) / size * size);
      end = offset + size;
    }
    CHECK(sizes[i].size - end < 8);
  }
  const sotto_json *statuses = sotto_json_get(json, "status");
  for (const sotto_json *s = statuses->first; s; s = s->next) {
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)s->key.len, s->key.data);
    CHECK_STR(sotto_status_name((uint32_t)s->integer), name);
  }
  CHECK(sotto_json_get(sotto_json_get(json, "constants"), "API_VERSION")->integer ==
        (int64_t)sotto_api_version());
  sotto_arena_free(&arena);
}
