#!/usr/bin/env python3
"""Tiny random models whose output is an embedding, and what transformers computes with their weights.

Writes embed-<name>.gguf here and tests/golden/embed-<name>.golden (SGEM, tests/golden/README.md): encoders, and decoders
whose files say how to pool. Names and keys are those of llama.cpp's converter, as in families.py.
"""
import pathlib
import struct

import families
import generate
import gguf
import numpy as np
import torch
from transformers import BertConfig, BertModel, NomicBertConfig, NomicBertModel

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent.parent / "tests" / "golden"
POSITIONS = 75
LENGTHS = [1, 2, 33, POSITIONS]
POOLING = gguf.PoolingType
CONTROL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

# name: (architecture, (model, config, its arguments), pooling)
ENCODERS = {
    "bert-mean": ("bert", (BertModel, BertConfig, dict(hidden_size=36, intermediate_size=56, num_hidden_layers=2, num_attention_heads=3,
                                                       hidden_act="gelu", layer_norm_eps=1e-12)), POOLING.MEAN),
    "bert-cls": ("bert", (BertModel, BertConfig, dict(hidden_size=40, intermediate_size=44, num_hidden_layers=3, num_attention_heads=5,
                                                      hidden_act="gelu", layer_norm_eps=1e-5)), POOLING.CLS),
    "nomic-bert": ("nomic-bert", (NomicBertModel, NomicBertConfig,
                                  dict(hidden_size=36, intermediate_size=56, num_hidden_layers=2, num_attention_heads=3,
                                       layer_norm_eps=1e-12)), POOLING.MEAN),
}
DECODERS = {"qwen3-last": ("qwen3-yarn", POOLING.LAST), "llama-mean": ("llama-biases", POOLING.MEAN),
            "llama-cls": ("llama-noncausal", POOLING.CLS)}

NOMIC = {"self_attn.o_proj": "attn_output", "post_attention_layernorm": "attn_output_norm", "mlp.gate_proj": "ffn_gate",
         "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "post_mlp_layernorm": "layer_output_norm"}


def vocabulary():
    """BERT's kind: special tokens, ideographs, and letters, digits, marks and syllables, at the start of words and inside."""
    letters = [chr(c) for c in range(97, 123)] + [str(d) for d in range(10)]
    syllables = [a + b for a in "bdfghklmnprst" for b in "aeiou"]
    marks = list(".,:;!?'\"()-_/+*=#%&@$")
    words = ["the", "of", "and", "in", "hello", "world", "un", "ing", "ed"]
    starts = letters + marks + ["世", "界", "ж", "и", "λ"] + words + syllables
    tokens = CONTROL + ["\u2581" + w for w in starts] + letters + ["ж", "и", "λ"] + words[6:] + syllables
    tokens += [f"\u2581[unused{i}]" for i in range(families.VOCAB - len(tokens))]
    assert len(tokens) == families.VOCAB == len(set(tokens))
    return tokens


def tensors_of(arch, config, state):
    out = {}
    if arch == "bert":
        names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.BERT, config.num_hidden_layers)
        for key, rows in state.items():
            if not key.startswith("pooler.") and key != "embeddings.position_ids":
                out[names.get_name(key, try_suffixes=(".weight", ".bias"))] = rows
        return out
    for key, rows in state.items():
        parts = key.split(".")
        if parts[0] == "embeddings" and "position_ids" not in key:
            out[{"word_embeddings": "token_embd", "token_type_embeddings": "token_types", "LayerNorm": "token_embd_norm"}[parts[1]] + "." +
                parts[2]] = rows
        if parts[0] != "layers":
            continue
        blk, name, suffix = f"blk.{parts[1]}.", ".".join(parts[2:-1]), parts[-1]
        if name == "self_attn.q_proj":
            qkv = [state[key.replace("q_proj", f"{part}_proj")] for part in "qkv"]
            out[blk + "attn_qkv.weight"] = np.concatenate(qkv)
        elif name in NOMIC:
            out[blk + NOMIC[name] + "." + suffix] = rows
    return out


def write_model(path, name, arch, config, tensors, pooling):
    w = gguf.GGUFWriter(path, arch)
    w.add_type("model")
    w.add_name("Encoder " + name)
    w.add_license("mit")
    w.add_block_count(config.num_hidden_layers)
    w.add_context_length(POSITIONS)
    w.add_embedding_length(config.hidden_size)
    w.add_feed_forward_length(config.intermediate_size)
    w.add_head_count(config.num_attention_heads)
    if arch == "nomic-bert":
        w.add_rope_freq_base(1000.0)
    w.add_layer_norm_eps(config.layer_norm_eps)
    w.add_file_type(gguf.LlamaFileType.ALL_F32)
    w.add_causal_attention(False)
    w.add_pooling_type(pooling)
    w.add_token_type_count(2)
    tokens = vocabulary()
    w.add_tokenizer_model("bert")
    w.add_tokenizer_pre("jina-v2-en")  # what the converter takes this pre-tokeniser for
    w.add_token_list(tokens)
    w.add_token_types([gguf.TokenType.CONTROL if t in CONTROL else gguf.TokenType.NORMAL for t in tokens])
    w.add_unk_token_id(1)
    w.add_sep_token_id(3)
    w.add_pad_token_id(0)
    w.add_uint32("tokenizer.ggml.cls_token_id", 2)
    w.add_mask_token_id(4)
    w.add_quantization_version(gguf.GGML_QUANT_VERSION)
    for key, rows in tensors.items():
        w.add_tensor(key, np.ascontiguousarray(rows))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def pool(rows, pooling):
    rows = rows.astype(np.float64)
    pooled = {POOLING.MEAN: rows.mean(0), POOLING.CLS: rows[0], POOLING.LAST: rows[-1]}[pooling]
    return pooled / np.linalg.norm(pooled)


def write_golden(name, texts, embeddings):
    """SGEM, u32 version, texts, width; u32 length of each; i32 ids; f32 embeddings."""
    golden = struct.pack("<4s3I", b"SGEM", 1, len(texts), len(embeddings[0])) + struct.pack(f"<{len(texts)}I", *map(len, texts))
    golden += b"".join(np.array(ids, np.int32).tobytes() for ids in texts)
    golden += np.array(embeddings, np.float32).tobytes()
    (GOLDEN / f"embed-{name}.golden").write_bytes(golden)
    print(name, (HERE / f"embed-{name}.gguf").stat().st_size)


def texts_of():
    rng = np.random.default_rng(78)
    return [rng.integers(5, families.VOCAB, n).tolist() for n in LENGTHS]


def encoder(name, arch, family, pooling):
    kind, config_of, arguments = family
    rope = dict(rope_parameters={"rope_type": "default", "rope_theta": 1000.0}) if arch == "nomic-bert" else {}
    config = config_of(vocab_size=families.VOCAB, max_position_embeddings=POSITIONS, attn_implementation="eager", dtype=torch.float32,
                       **rope, **arguments)
    model = kind(config, add_pooling_layer=False).eval()
    rng = np.random.default_rng(len(name))
    state = {}
    for key, tensor in model.state_dict().items():
        noise = rng.standard_normal(tuple(tensor.shape))
        if "norm" in key.lower():
            values = 0.1 * noise + key.endswith("weight")
        elif key.endswith("bias"):
            values = 0.3 * noise
        else:
            values = noise * (1.5 if "query" in key or "key" in key or "q_proj" in key or "k_proj" in key else 1) / np.sqrt(tensor.shape[-1])
        state[key] = torch.from_numpy(values.astype(np.float32)) if tensor.is_floating_point() else tensor
    model.load_state_dict(state)
    tensors = tensors_of(arch, config, {k: v.numpy() for k, v in state.items()})
    write_model(HERE / f"embed-{name}.gguf", name, arch, config, tensors, pooling)
    texts = texts_of()
    write_golden(name, texts, [pool(model(torch.tensor([ids])).last_hidden_state[0].numpy(), pooling) for ids in texts])


def decoder(name, family, pooling):
    arch, parts, more = families.FAMILIES[family]
    model, config = families.build(parts, more)
    state = families.randomise(model, family)
    tokens, merges = generate.vocabulary()
    families.write_model(HERE / f"embed-{name}.gguf", name, arch, config, families.tensors_of(arch, config, state, more), tokens, merges,
                         {**more, "pooling": pooling})
    texts, embeddings = texts_of(), []
    for ids in texts:
        mask = None if more.get("causal", True) else torch.zeros(1, 1, len(ids), len(ids))
        hidden = model.model(torch.tensor([ids]), attention_mask=mask, use_cache=False).last_hidden_state[0]
        embeddings.append(pool(hidden.numpy(), pooling))
    write_golden(name, texts, embeddings)


def main():
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    for name, (arch, family, pooling) in ENCODERS.items():
        encoder(name, arch, family, pooling)
    for name, (family, pooling) in DECODERS.items():
        decoder(name, family, pooling)


if __name__ == "__main__":
    main()
