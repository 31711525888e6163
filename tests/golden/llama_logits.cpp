// What llama.cpp computes for given ids, as a reference beside transformers: all in one batch on the
// CPU with one thread, keys and values in float32, flash attention off, matrices not repacked.
//
//   llama_logits MODEL --ids 1,2,3 [--out FILE.f32] [--save FILE.gguf] [--quiet]
//
// prints the best id behind each of them and the last one's logit; --out writes all logits as they are
// in memory, --save the model as llama_model_save_to_file does. Built against llama.cpp's headers
// (include, ggml/include) and its libllama, libggml, libggml-base and libggml-cpu.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "llama.h"

static void errors_only(ggml_log_level level, const char *text, void *) {
  if (level >= GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}

int main(int argc, char **argv) {
  std::vector<llama_token> ids;
  const char *out = nullptr, *save = nullptr;
  bool quiet = false;
  for (int i = 2; i < argc; i++) {
    if (!strcmp(argv[i], "--ids")) {
      for (char *p = strtok(argv[++i], ", "); p; p = strtok(nullptr, ", ")) ids.push_back(atoi(p));
    } else if (!strcmp(argv[i], "--out")) {
      out = argv[++i];
    } else if (!strcmp(argv[i], "--save")) {
      save = argv[++i];
    } else if (!strcmp(argv[i], "--quiet")) {
      quiet = true;
    }
  }
  llama_log_set(errors_only, nullptr);
  llama_backend_init();
  llama_model_params model_params = llama_model_default_params();
  model_params.n_gpu_layers = 0;
  model_params.use_extra_bufts = false;
  llama_model *model = argc > 1 ? llama_model_load_from_file(argv[1], model_params) : nullptr;
  if (!model) return 1;
  if (save) llama_model_save_to_file(model, save);
  if (ids.empty()) return 0;
  const int n = (int)ids.size(), n_vocab = llama_vocab_n_tokens(llama_model_get_vocab(model));
  llama_context_params params = llama_context_default_params();
  params.n_ctx = n;
  params.n_batch = params.n_ubatch = n < 32 ? 32 : n;
  params.n_threads = params.n_threads_batch = 1;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  params.type_k = params.type_v = GGML_TYPE_F32;
  llama_context *context = llama_init_from_model(model, params);
  if (!context) return 1;
  llama_batch batch = llama_batch_init(n, 0, 1);
  batch.n_tokens = n;
  for (int i = 0; i < n; i++) {
    batch.token[i] = ids[i];
    batch.pos[i] = i;
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = 0;
    batch.logits[i] = 1;
  }
  if (llama_decode(context, batch)) return 1;
  FILE *file = out ? fopen(out, "wb") : nullptr;
  for (int i = 0; i < n; i++) {
    const float *logits = llama_get_logits_ith(context, i);
    int best = 0;
    for (int v = 1; v < n_vocab; v++) {
      if (logits[v] > logits[best]) best = v;
    }
    if (file) fwrite(logits, sizeof(float), n_vocab, file);
    if (!quiet) printf(i + 1 < n ? "%d " : "%d; %.5f\n", best, (double)logits[best]);
  }
  return file ? fclose(file) : 0;
}
