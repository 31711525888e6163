#include "model_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../c/gguf_writer.c"
#include "gguf/gguf.h"

#define COUNT(array)   (sizeof(array) / sizeof *(array))
#define PICK(array, i) ((array)[(i) % COUNT(array)])
#define MAX_LAYERS     4
#define MAX_TENSORS    96
#define MAX_KEYS       96
#define LONGEST_KEY    96
#define UNKNOWN_FAMILY "mamba"
#define N_TAPS         3 /* of LFM2's convolutions */

typedef struct tensor {
  char name[48];
  uint32_t type, n_dims;
  uint64_t ne[4];
} tensor;

typedef struct model {
  const char *family;
  uint32_t n_layer, n_embd, head_dim, n_vocab;
  uint32_t n_head[MAX_LAYERS], n_head_kv[MAX_LAYERS], n_ff[MAX_LAYERS];
  uint32_t matrix_type, table_type, vector_type;
  uint8_t features, scaling;
  tensor tensors[MAX_TENSORS];
  uint32_t n_tensors;
  char keys[MAX_KEYS]
           [LONGEST_KEY]; /* that are written: a key that occurs twice is the parser's matter */
  uint32_t n_keys;
  gguf_writer w;
} model;

uint8_t fuzz_u8(fuzz_input *in) {
  return in->at < in->end ? *in->at++ : 0;
}

static bool is_lfm2(const model *m) {
  return strcmp(m->family, "lfm2") == 0;
}

/* ---- tables to choose from ---- */

static const char *const families[] = {
#define X(name, models, read, write) name,
#include "arch/archs.def"
#undef X
};

static const uint32_t types[] = {
#define X(NAME, number, name, weights, bytes) number,
#include "tensor/dtypes.def"
#undef X
};

static const char *const architecture_keys[] = {
#define KEY(name, class, ...) name,
#include "arch/keys.def"
#undef KEY
    "a.key.of.tomorrow",
};

static const char *const tokenizer_keys[] = {
#define TOKENIZER_KEY(name, class, ...) name,
#include "arch/keys.def"
#undef TOKENIZER_KEY
    "a_key_of_tomorrow",
};

static const char *const other_keys[] = {
    "general.architecture",    "general.name",  "general.type",       "general.alignment",
    "tokenizer.chat_template", "split.count",   "split.no",           "split.tensors.count",
    "general.file_type",       "other.context", "quantize.imatrix.n",
};

static const char *const texts[] = {
    "",          "none",    "linear", "yarn",
    "longrope",  "su",      "silu",   "gelu",
    "model",     "adapter", "gpt2",   "llama",
    "llama-bpe", "qwen2",   "dbrx",   "{{ messages[0].content }}",
    "{% if %}",  "\xC3",    "mean",
};

static const double numbers[] = {
    0,    1,    -1,     2,     3,           4,           8,    16,    32,    64,
    0.5,  1e-5, 1e-6,   10000, 5e5,         1e6,         1e-3, 30,    50,    127,
    128,  256,  4096,   65535, 1e12,        1e13,        1e38, 1e-45, -1e38, 0.1,
    12.0, 40.0, 1.0001, 1e300, 4294967295., 2147483648., 7,    1e18,
};

static const char *const extra_tensors[] = {
    "rope_freqs.weight",
    "rope_factors_long.weight",
    "rope_factors_short.weight",
    "output.weight",
    "output.bias",
    "blk.0.attn_qkv.weight",
    "blk.0.attn_qkv.bias",
    "blk.0.attn_q.bias",
    "blk.1.ffn_down.bias",
    "blk.0.attn_sinks.weight",
    "blk.0.attn_q_norm.weight",
    "blk.0.post_attention_norm.weight",
    "blk.9.attn_q.weight",
    "token_types.weight",
    "output_norm.bias",
};

static uint32_t type_of(uint8_t choice) {
  return choice < 192 ? PICK(types, choice) : choice - 192; /* foreign and unknown ones too */
}

/* ---- keys ---- */

/* False where it is there already. */
static bool new_key(model *m, const char *key) {
  for (uint32_t i = 0; i < m->n_keys; i++)
    if (strcmp(m->keys[i], key) == 0) return false;
  if (m->n_keys == MAX_KEYS) return false;
  snprintf(m->keys[m->n_keys++], LONGEST_KEY, "%s", key);
  return true;
}

static const char *arch_key(const model *m, const char *name) {
  static char key[LONGEST_KEY];
  snprintf(key, sizeof key, "%s.%s", m->family, name);
  return key;
}

static void key_u32(model *m, const char *name, uint32_t value) {
  const char *key = arch_key(m, name);
  if (new_key(m, key)) gguf_write_u32(&m->w, key, value);
}

static void key_f32(model *m, const char *name, float value) {
  const char *key = arch_key(m, name);
  if (new_key(m, key)) gguf_write_f32(&m->w, key, value);
}

static void key_per_layer(model *m, const char *name, const uint32_t *values) {
  const char *key = arch_key(m, name);
  const bool differ = m->features & FEATURE_PER_LAYER || (is_lfm2(m) && values == m->n_head_kv);
  if (!differ) {
    key_u32(m, name, values[0]);
  } else if (new_key(m, key)) {
    int32_t items[MAX_LAYERS];
    for (uint32_t l = 0; l < m->n_layer; l++) items[l] = (int32_t)values[l];
    gguf_write_i32s(&m->w, key, items, m->n_layer);
  }
}

/* Bytes of a number in GGUF's form. */
static size_t encode(uint32_t type, double value, unsigned char out[8]) {
  const bool in_range = value > -9e18 && value < 9e18;
  const uint64_t whole = (uint64_t)(in_range ? (int64_t)value : INT64_MAX);
  static const uint8_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  const float narrow = value > 3e38 ? 3e38f : (float)value;
  memcpy(out, &whole, 8);
  if (type == SOTTO_GGUF_F32) memcpy(out, &narrow, 4);
  if (type == SOTTO_GGUF_F64) memcpy(out, &value, 8);
  if (type == SOTTO_GGUF_BOOL) out[0] &= 1;
  return sizes[type];
}

/* A number of the table, or any eight bytes. */
static size_t read_number(fuzz_input *in, uint32_t type, unsigned char out[8]) {
  const uint8_t choice = fuzz_u8(in);
  const size_t size = encode(type, PICK(numbers, choice), out);
  for (size_t i = 0; choice >= 240 && i < size; i++) out[i] = fuzz_u8(in);
  if (type == SOTTO_GGUF_BOOL) out[0] &= 1;
  return size;
}

static void read_array(fuzz_input *in, gguf_buffer *out) {
  const uint32_t element = fuzz_u8(in) % 13;
  const uint64_t n = fuzz_u8(in) % 8;
  const uint32_t type = element == SOTTO_GGUF_ARRAY ? SOTTO_GGUF_I32 : element;
  gguf_buffer_put(out, &type, 4);
  gguf_buffer_put(out, &n, 8);
  for (uint64_t i = 0; i < n; i++) {
    unsigned char number[8];
    const char *text = type == SOTTO_GGUF_STRING ? PICK(texts, fuzz_u8(in)) : NULL;
    const uint64_t len = text ? strlen(text) : 0;
    if (text) gguf_buffer_put(out, &len, 8);
    if (text)
      gguf_buffer_put(out, text, len);
    else
      gguf_buffer_put(out, number, read_number(in, type, number));
  }
}

static void edit_key(model *m, fuzz_input *in, const char *key) {
  const uint32_t type = fuzz_u8(in) % 13;
  if (!new_key(m, key)) return;
  unsigned char number[8];
  gguf_buffer items = {0};
  if (type == SOTTO_GGUF_STRING) {
    gguf_write_string(&m->w, key, PICK(texts, fuzz_u8(in)));
  } else if (type == SOTTO_GGUF_ARRAY) {
    read_array(in, &items);
    gguf_write_raw(&m->w, key, type, items.data, items.len);
  } else {
    const size_t size = read_number(in, type, number);
    gguf_write_raw(&m->w, key, type, number, size);
  }
  free(items.data);
}

/* ---- tensors ---- */

static tensor *add_tensor(model *m, const char *name, uint32_t type, uint64_t cols, uint64_t rows) {
  if (m->n_tensors == MAX_TENSORS) return NULL;
  tensor *t = &m->tensors[m->n_tensors++];
  *t = (tensor){.type = type, .n_dims = rows ? 2 : 1, .ne = {cols, rows ? rows : 1, 1, 1}};
  snprintf(t->name, sizeof t->name, "%s", name);
  return t;
}

static size_t block_of(uint32_t type) {
  return sotto_dtype_supported(type) ? sotto_dtype_block_weights((sotto_dtype)type) : 1;
}

/* As quantising programs do: what has no whole blocks of a type is kept in another. */
static uint32_t fitting(uint32_t type, uint64_t cols) {
  if (cols % block_of(type) == 0) return type;
  return cols % 32 ? SOTTO_F16 : SOTTO_Q8_0;
}

static void add_vector(model *m, const char *name, uint64_t n) {
  add_tensor(m, name, fitting(m->vector_type, n), n, 0);
}

static void add_linear(model *m, uint32_t layer, const char *name, uint64_t cols, uint64_t rows) {
  char full[48];
  snprintf(full, sizeof full, "blk.%u.%s.weight", layer, name);
  add_tensor(m, full, fitting(m->matrix_type, cols), cols, rows);
  snprintf(full, sizeof full, "blk.%u.%s.bias", layer, name);
  if (m->features & FEATURE_BIASES) add_vector(m, full, rows);
}

static void add_layer_vector(model *m, uint32_t layer, const char *name, uint64_t n) {
  char full[48];
  snprintf(full, sizeof full, "blk.%u.%s.weight", layer, name);
  add_vector(m, full, n);
}

/* Families with experts have as many as the first layer has heads, and use as many as KV heads. */
static bool has_experts(const model *m) {
  return strstr(m->family, "moe") != NULL;
}

static void add_experts(model *m, uint32_t l, const char *name, uint64_t cols, uint64_t rows) {
  char full[48];
  snprintf(full, sizeof full, "blk.%u.%s.weight", l, name);
  tensor *t = add_tensor(m, full, fitting(m->matrix_type, cols), cols, rows);
  if (!t) return;
  t->n_dims = 3;
  t->ne[2] = m->n_head[0];
}

static void add_feed_forward(model *m, uint32_t l) {
  const uint64_t n = m->n_embd, n_ff = m->n_ff[l];
  if (!has_experts(m)) {
    add_linear(m, l, "ffn_gate", n, n_ff);
    add_linear(m, l, "ffn_up", n, n_ff);
    add_linear(m, l, "ffn_down", n_ff, n);
    return;
  }
  add_linear(m, l, "ffn_gate_inp", n, m->n_head[0]);
  add_experts(m, l, "ffn_gate_exps", n, n_ff);
  add_experts(m, l, "ffn_up_exps", n, n_ff);
  add_experts(m, l, "ffn_down_exps", n_ff, n);
  if (strcmp(m->family, "qwen2moe") != 0) return;
  add_layer_vector(m, l, "ffn_gate_inp_shexp", n);
  add_linear(m, l, "ffn_gate_shexp", n, m->n_ff[0]);
  add_linear(m, l, "ffn_up_shexp", n, m->n_ff[0]);
  add_linear(m, l, "ffn_down_shexp", m->n_ff[0], n);
}

static void add_conv(model *m, uint32_t l) {
  const uint64_t n = m->n_embd;
  char name[48];
  add_linear(m, l, "shortconv.in_proj", n, 3 * n);
  add_linear(m, l, "shortconv.out_proj", n, n);
  snprintf(name, sizeof name, "blk.%u.shortconv.conv.weight", l);
  add_tensor(m, name, m->vector_type, N_TAPS, n);
}

static void add_attention(model *m, uint32_t l) {
  const uint64_t n = m->n_embd, d = m->head_dim, q = m->n_head[l] * d, kv = m->n_head_kv[l] * d;
  if (m->features & FEATURE_FUSED) {
    add_linear(m, l, "attn_qkv", n, q + 2 * kv);
  } else {
    add_linear(m, l, "attn_q", n, q);
    add_linear(m, l, "attn_k", n, kv);
    add_linear(m, l, "attn_v", n, kv);
  }
  const bool head_norms =
      strncmp(m->family, "qwen3", 5) == 0 || strcmp(m->family, "gemma3") == 0 || is_lfm2(m);
  if (head_norms != ((m->features & FEATURE_OTHER_NORM) != 0)) {
    add_layer_vector(m, l, "attn_q_norm", d);
    add_layer_vector(m, l, "attn_k_norm", d);
  }
  add_linear(m, l, "attn_output", q, n);
}

static void add_layer(model *m, uint32_t l) {
  const uint64_t n = m->n_embd;
  const bool post_norms = strcmp(m->family, "gemma2") == 0 || strcmp(m->family, "gemma3") == 0;
  add_layer_vector(m, l, "attn_norm", n);
  (m->n_head_kv[l] ? add_attention : add_conv)(m, l);
  if (post_norms) add_layer_vector(m, l, "post_attention_norm", n);
  add_layer_vector(m, l, "ffn_norm", n);
  add_feed_forward(m, l);
  if (post_norms) add_layer_vector(m, l, "post_ffw_norm", n);
}

static const char *const scalings[] = {NULL, "none", "linear", "yarn", "longrope", "dynamic"};

static void add_tensors(model *m) {
  const char *scaling = PICK(scalings, m->scaling);
  const bool longrope = scaling && strcmp(scaling, "longrope") == 0;
  const uint32_t table_type = fitting(m->table_type, m->n_embd);
  add_tensor(m, "token_embd.weight", table_type, m->n_embd, m->n_vocab);
  if (m->features & FEATURE_FREQS) {
    add_vector(m, longrope ? "rope_factors_short.weight" : "rope_freqs.weight", m->head_dim / 2);
    if (longrope) add_vector(m, "rope_factors_long.weight", m->head_dim / 2);
  }
  for (uint32_t l = 0; l < m->n_layer; l++) add_layer(m, l);
  add_vector(m, is_lfm2(m) ? "token_embd_norm.weight" : "output_norm.weight", m->n_embd);
  if (m->features & FEATURE_OUTPUT)
    add_tensor(m, "output.weight", table_type, m->n_embd, m->n_vocab);
}

/* A dimension from the tables, or any eight bytes. */
static uint64_t read_dimension(fuzz_input *in) {
  static const uint64_t sizes[] = {1,   2,        4,          16,         32,         64,
                                   256, 1u << 31, 1ull << 32, 1ull << 40, 1ull << 61, 0};
  const uint8_t choice = fuzz_u8(in);
  if (choice < 240) return PICK(sizes, choice);
  uint64_t value = 0;
  for (int i = 0; i < 8; i++) value = value << 8 | fuzz_u8(in);
  return value;
}

static void edit_tensor(model *m, fuzz_input *in, uint8_t what) {
  if (m->n_tensors == 0) return;
  tensor *t = &m->tensors[fuzz_u8(in) % m->n_tensors];
  const uint8_t argument = fuzz_u8(in);
  switch (what % 4) {
  case 0: *t = m->tensors[--m->n_tensors]; break;
  case 1: t->type = type_of(argument); break;
  case 2: t->ne[argument % 4] = read_dimension(in); break;
  default: t->n_dims = argument % 5; break;
  }
}

static void add_extra(model *m, fuzz_input *in) {
  const char *name = PICK(extra_tensors, fuzz_u8(in));
  const uint32_t type = type_of(fuzz_u8(in));
  const uint64_t cols = read_dimension(in);
  add_tensor(m, name, type, cols, fuzz_u8(in) % 3);
}

/* ---- the file ---- */

static void read_shape(model *m, fuzz_input *in) {
  static const uint32_t widths[] = {32, 64, 256, 128, 48, 4, 512, 12, 8, 96, 20, 1};
  static const uint32_t heads[] = {1, 2, 4, 8, 3, 16, 6, 5};
  static const uint32_t vocabularies[] = {12, 9, 33, 64, 300, 1, 0, 260};
  const uint8_t family = fuzz_u8(in);
  m->family = family < 240 ? PICK(families, family) : UNKNOWN_FAMILY;
  m->n_layer = 1 + fuzz_u8(in) % MAX_LAYERS;
  m->n_embd = PICK(widths, fuzz_u8(in));
  const uint8_t n_head = fuzz_u8(in);
  m->head_dim = PICK(widths, fuzz_u8(in));
  const uint8_t n_ff = fuzz_u8(in);
  m->n_vocab = PICK(vocabularies, fuzz_u8(in));
  m->matrix_type = type_of(fuzz_u8(in));
  m->table_type = type_of(fuzz_u8(in));
  m->vector_type = type_of(fuzz_u8(in));
  m->features = fuzz_u8(in);
  m->scaling = fuzz_u8(in);
  for (uint32_t l = 0; l < m->n_layer; l++) {
    const uint8_t differs = m->features & FEATURE_PER_LAYER ? fuzz_u8(in) : 0;
    m->n_head[l] = PICK(heads, (n_head & 15u) + (differs & 3u));
    const uint32_t shared = 1u << ((n_head >> 4 & 3u) + (differs >> 2 & 3u)) % 4;
    m->n_head_kv[l] = m->n_head[l] > shared ? m->n_head[l] / shared : 1;
    m->n_ff[l] = PICK(widths, n_ff + (differs >> 4u));
    if (is_lfm2(m) && l % 2 == 0) m->n_head_kv[l] = 0; /* a convolution */
  }
}

static void edit(model *m, fuzz_input *in) {
  while (in->at < in->end) {
    const uint8_t kind = fuzz_u8(in);
    char key[LONGEST_KEY];
    switch (kind % 8) {
    case 0: /* families have most of the keys, so every other edit is of one */
    case 1:
    case 2: edit_key(m, in, arch_key(m, PICK(architecture_keys, fuzz_u8(in)))); break;
    case 3:
      snprintf(key, sizeof key, "tokenizer.ggml.%s", PICK(tokenizer_keys, fuzz_u8(in)));
      edit_key(m, in, key);
      break;
    case 4: edit_key(m, in, PICK(other_keys, fuzz_u8(in))); break;
    case 5: add_extra(m, in); break;
    default: edit_tensor(m, in, kind / 8); break;
    }
  }
}

static void write_vocabulary(model *m) {
  enum { MOST = 512 };
  static char names[MOST][8];
  static const char *tokens[MOST];
  static float scores[MOST];
  static int32_t kinds[MOST];
  const uint32_t n = m->n_vocab;
  for (uint32_t i = 0; i < n; i++) {
    snprintf(names[i], sizeof names[i], i < 3 ? "<%u>" : "t%u", i);
    tokens[i] = names[i];
    scores[i] = -(float)i;
    kinds[i] = i == 0 ? 2 : i < 3 ? 3 : 1; /* unknown, control, normal */
  }
  const bool pieces = m->features & FEATURE_PIECES;
  const char *const merges[] = {"t 3"};
  if (new_key(m, "tokenizer.ggml.model"))
    gguf_write_string(&m->w, "tokenizer.ggml.model", pieces ? "llama" : "gpt2");
  if (!pieces && new_key(m, "tokenizer.ggml.pre"))
    gguf_write_string(&m->w, "tokenizer.ggml.pre", "qwen2");
  if (new_key(m, "tokenizer.ggml.tokens"))
    gguf_write_strings(&m->w, "tokenizer.ggml.tokens", tokens, n);
  if (new_key(m, "tokenizer.ggml.token_type"))
    gguf_write_i32s(&m->w, "tokenizer.ggml.token_type", kinds, n);
  if (pieces && new_key(m, "tokenizer.ggml.scores"))
    gguf_write_f32s(&m->w, "tokenizer.ggml.scores", scores, n);
  if (!pieces && new_key(m, "tokenizer.ggml.merges"))
    gguf_write_strings(&m->w, "tokenizer.ggml.merges", merges, 0);
}

static void write_keys(model *m) {
  const char *scaling = PICK(scalings, m->scaling), *type = arch_key(m, "rope.scaling.type");
  if (scaling && new_key(m, type)) gguf_write_string(&m->w, type, scaling);
  if (scaling) key_f32(m, "rope.scaling.factor", 1.0f + m->scaling / 8);
  if (new_key(m, "general.architecture"))
    gguf_write_string(&m->w, "general.architecture", m->family);
  key_u32(m, "block_count", m->n_layer);
  key_u32(m, "embedding_length", m->n_embd);
  key_u32(m, "context_length", 96);
  key_per_layer(m, "attention.head_count", m->n_head);
  key_per_layer(m, "attention.head_count_kv", m->n_head_kv);
  key_per_layer(m, "feed_forward_length", m->n_ff);
  key_f32(m, "attention.layer_norm_rms_epsilon", 1e-5f);
  if (is_lfm2(m)) key_u32(m, "shortconv.l_cache", N_TAPS);
  if (strncmp(m->family, "gemma", 5) == 0 && m->family[5])
    key_u32(m, "attention.sliding_window", 7);
  if (has_experts(m)) {
    key_u32(m, "expert_count", m->n_head[0]);
    key_u32(m, "expert_used_count", m->n_head_kv[0]);
    key_per_layer(m, "expert_feed_forward_length", m->n_ff);
  }
  if (m->features & FEATURE_KEY_LENGTH) key_u32(m, "attention.key_length", m->head_dim);
  if (m->features & FEATURE_KEY_LENGTH) key_u32(m, "attention.value_length", m->head_dim);
  write_vocabulary(m);
}

/* Offsets may wrap: sizes that no file has are among the edits. */
static uint64_t write_tensors(model *m) {
  uint64_t offset = 0;
  for (uint32_t i = 0; i < m->n_tensors; i++) {
    const tensor *t = &m->tensors[i];
    uint64_t weights = 1;
    for (uint32_t d = 0; d < t->n_dims && d < 4; d++) weights *= t->ne[d];
    gguf_write_tensor_entry(&m->w, t->name, t->type, t->n_dims, t->ne, offset);
    const bool known = sotto_dtype_supported(t->type);
    offset += known ? sotto_dtype_row_bytes((sotto_dtype)t->type, weights) : 8 * weights;
    offset = (offset + 31) & ~(uint64_t)31;
  }
  return offset;
}

uint8_t *model_file(fuzz_input *in, size_t *len, uint64_t *file_size) {
  model *m = calloc(1, sizeof *m);
  if (!m) abort();
  gguf_writer_init(&m->w);
  read_shape(m, in);
  if (!(m->features & FEATURE_KEY_LENGTH)) m->head_dim = m->n_embd / m->n_head[0];
  add_tensors(m);
  edit(m, in);
  write_keys(m);
  const uint64_t body = write_tensors(m);
  size_t header;
  uint8_t *file = gguf_writer_finish(&m->w, len, &header);
  *file_size = *len + body;
  free(m);
  return file;
}
