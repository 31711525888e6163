#!/usr/bin/env python3
"""Tiny random models of every family that loads, and what transformers computes with their weights.

Writes family-<name>.gguf here and tests/golden/family-<name>.golden (SGLL, tests/golden/README.md).
Names, order of rows and keys are those of llama.cpp's converter (conversion/ in its sources). With
the program of tests/golden/llama_logits.cpp as first argument llama.cpp computes the same logits,
and the table at the end says how far the two are apart.

  families.py [LLAMA_LOGITS [NAME…]]   only these, where any are named
"""
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

import gguf
import numpy as np
import torch
from transformers import (Gemma2Config, Gemma2ForCausalLM, Gemma3ForCausalLM, Gemma3TextConfig, GemmaConfig, GemmaForCausalLM,
                          GraniteConfig, GraniteForCausalLM, Lfm2Config, Lfm2ForCausalLM,
                          LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, MixtralConfig, MixtralForCausalLM,
                          Phi3Config, Phi3ForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen2MoeConfig, Qwen2MoeForCausalLM,
                          Qwen3Config, Qwen3ForCausalLM, Qwen3MoeConfig, Qwen3MoeForCausalLM, SmolLM3Config, SmolLM3ForCausalLM)
from transformers.models.llama.modeling_llama import LlamaDecoderLayer

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent.parent / "tests" / "golden"
sys.path.insert(0, str(HERE))
import generate  # noqa: E402

VOCAB, CONTEXT, POSITIONS = 288, 256, 80
generate.VOCAB = VOCAB
ARCH = gguf.MODEL_ARCH
ONE_ADDED = {"gemma", "gemma2", "gemma3", "gemma3_text"}  # to norms' weights: GGUF holds the sums
PERMUTED = {"llama", "granite", "smollm3"}  # whose q and k rows GGUF holds as neighbours to be rotated


def rope(kind="default", theta=10000.0, **more):
    return {"rope_type": kind, "rope_theta": theta, **more}


def longrope(trained):
    """Eight pairs' factors: transformers takes the long ones for texts longer than `trained`, llama.cpp for contexts."""
    return rope("longrope", short_factor=[1.0, 1.05, 1.1, 1.2, 1.25, 1.3, 1.4, 1.5], long_factor=[1.0, 1.2, 1.5, 2.0, 2.5, 3.1, 3.6, 4.2],
                factor=CONTEXT / trained, original_max_position_embeddings=trained)


def llama(**more):
    return LlamaForCausalLM, LlamaConfig, {"rms_norm_eps": 1e-5, "rope_parameters": rope(), **more}


# name: (architecture, (model, config, its arguments), what else the file has)
FAMILIES = {
    "llama-biases": ("llama", llama(hidden_size=40, intermediate_size=72, num_hidden_layers=2, num_attention_heads=5, num_key_value_heads=5,
                                    head_dim=12, attention_bias=True, mlp_bias=True), {}),
    "llama-fused-qkv": ("llama", llama(hidden_size=36, intermediate_size=72, num_hidden_layers=2, num_attention_heads=6,
                                       num_key_value_heads=2, head_dim=8, attention_bias=True, mlp_bias=False), {"fused": True}),
    "llama-rope-linear": ("llama", llama(hidden_size=36, intermediate_size=56, num_hidden_layers=2, num_attention_heads=3,
                                         num_key_value_heads=1, head_dim=16, tie_word_embeddings=True,
                                         rope_parameters=rope("linear", factor=3.0)), {}),
    "llama-rope-llama3": ("llama", llama(hidden_size=36, intermediate_size=56, num_hidden_layers=2, num_attention_heads=3,
                                         num_key_value_heads=1, head_dim=16, tie_word_embeddings=True,
                                         rope_parameters=rope("llama3", 50000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                                              original_max_position_embeddings=64)), {}),
    "llama-rope-yarn": ("llama", llama(hidden_size=36, intermediate_size=56, num_hidden_layers=2, num_attention_heads=3,
                                       num_key_value_heads=3, head_dim=16, tie_word_embeddings=True,
                                       rope_parameters=rope("yarn", factor=4.0, original_max_position_embeddings=64)), {}),
    "llama-rope-short": ("llama", llama(hidden_size=36, intermediate_size=56, num_hidden_layers=2, num_attention_heads=3,
                                        num_key_value_heads=1, head_dim=16, tie_word_embeddings=True,
                                        rope_parameters=longrope(256)), {}),
    "llama-rope-long": ("llama", llama(hidden_size=36, intermediate_size=56, num_hidden_layers=2, num_attention_heads=3,
                                       num_key_value_heads=1, head_dim=16, tie_word_embeddings=True,
                                       rope_parameters=longrope(64)), {}),
    "llama-noncausal": ("llama", llama(hidden_size=36, intermediate_size=56, num_hidden_layers=2, num_attention_heads=3,
                                       num_key_value_heads=1, head_dim=16, tie_word_embeddings=True), {"causal": False}),
    "llama-per-layer": ("llama", llama(hidden_size=36, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
                                       num_key_value_heads=2, head_dim=12, tie_word_embeddings=True),
                        {"heads": [4, 6, 3], "kv_heads": [2, 2, 1], "ffn": [48, 72, 40], "llama.cpp": False}),
    "mistral": ("llama", (MistralForCausalLM, MistralConfig,
                          dict(hidden_size=36, intermediate_size=72, num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2,
                               head_dim=12, sliding_window=None, rms_norm_eps=1e-5, rope_parameters=rope(theta=1e6))), {}),
    "mixtral": ("llama", (MixtralForCausalLM, MixtralConfig,
                          dict(hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                               num_local_experts=5, num_experts_per_tok=2, sliding_window=None, rms_norm_eps=1e-5,
                               tie_word_embeddings=True, rope_parameters=rope(theta=1e6))), {}),
    "gemma": ("gemma", (GemmaForCausalLM, GemmaConfig,
                        dict(hidden_size=36, intermediate_size=72, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=1,
                             head_dim=16, hidden_act="gelu_pytorch_tanh", rms_norm_eps=1e-6, tie_word_embeddings=True,
                             rope_parameters=rope())), {}),
    "gemma2": ("gemma2", (Gemma2ForCausalLM, Gemma2Config,
                          dict(hidden_size=36, intermediate_size=48, num_hidden_layers=4, num_attention_heads=3, num_key_value_heads=1,
                               head_dim=16, hidden_activation="gelu_pytorch_tanh", rms_norm_eps=1e-6, tie_word_embeddings=True,
                               query_pre_attn_scalar=16, sliding_window=37, attn_logit_softcapping=2.5, final_logit_softcapping=4.0,
                               rope_parameters=rope())), {}),
    "gemma3": ("gemma3", (Gemma3ForCausalLM, Gemma3TextConfig,
                          dict(hidden_size=36, intermediate_size=32, num_hidden_layers=7, num_attention_heads=3, num_key_value_heads=1,
                               head_dim=16, hidden_activation="gelu_pytorch_tanh", rms_norm_eps=1e-6, tie_word_embeddings=True,
                               query_pre_attn_scalar=16, sliding_window=37,
                               rope_parameters={"sliding_attention": rope(), "full_attention": rope("linear", 1e6, factor=4.0)})), {}),
    "granite": ("granite", (GraniteForCausalLM, GraniteConfig,
                            dict(hidden_size=60, intermediate_size=72, num_hidden_layers=2, num_attention_heads=5, num_key_value_heads=1,
                                 embedding_multiplier=1.5, residual_multiplier=0.7, attention_multiplier=0.2, logits_scaling=0.75,
                                 rms_norm_eps=1e-5, tie_word_embeddings=True, rope_parameters=rope())), {}),
    "lfm2": ("lfm2", (Lfm2ForCausalLM, Lfm2Config,
                      dict(hidden_size=36, intermediate_size=40, num_hidden_layers=5, num_attention_heads=3, num_key_value_heads=1,
                           layer_types=["conv", "conv", "full_attention", "conv", "full_attention"], conv_L_cache=3, conv_bias=False,
                           block_auto_adjust_ff_dim=False, norm_eps=1e-5, tie_word_embeddings=True,
                           rope_parameters=rope(theta=1e6))), {"kv_heads": [0, 0, 1, 0, 1]}),
    "phi3": ("phi3", (Phi3ForCausalLM, Phi3Config,
                      dict(hidden_size=48, intermediate_size=56, num_hidden_layers=2, num_attention_heads=3, num_key_value_heads=1,
                           sliding_window=37, rms_norm_eps=1e-5, tie_word_embeddings=False, original_max_position_embeddings=64,
                           rope_parameters=longrope(64))), {}),
    "smollm3": ("smollm3", (SmolLM3ForCausalLM, SmolLM3Config,
                            dict(hidden_size=36, intermediate_size=56, num_hidden_layers=5, num_attention_heads=3, num_key_value_heads=1,
                                 head_dim=16, no_rope_layer_interval=4, use_sliding_window=False, rms_norm_eps=1e-6,
                                 tie_word_embeddings=True, rope_parameters=rope(theta=5e4))), {}),
    "qwen2": ("qwen2", (Qwen2ForCausalLM, Qwen2Config,
                        dict(hidden_size=60, intermediate_size=48, num_hidden_layers=2, num_attention_heads=5, num_key_value_heads=1,
                             rms_norm_eps=1e-6, tie_word_embeddings=False, rope_parameters=rope(theta=1e6))), {}),
    "qwen2-tied": ("qwen2", (Qwen2ForCausalLM, Qwen2Config,
                             dict(hidden_size=72, intermediate_size=40, num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2,
                                  rms_norm_eps=1e-6, tie_word_embeddings=True, rope_parameters=rope(theta=1e6))), {}),
    "qwen2moe": ("qwen2moe", (Qwen2MoeForCausalLM, Qwen2MoeConfig,
                              dict(hidden_size=40, intermediate_size=64, moe_intermediate_size=16, shared_expert_intermediate_size=28,
                                   num_hidden_layers=2, num_attention_heads=5, num_key_value_heads=1, num_experts=7,
                                   num_experts_per_tok=3, norm_topk_prob=False, qkv_bias=True, rms_norm_eps=1e-6,
                                   tie_word_embeddings=False, rope_parameters=rope(theta=1e6))), {}),
    "qwen3": ("qwen3", (Qwen3ForCausalLM, Qwen3Config,
                        dict(hidden_size=40, intermediate_size=72, num_hidden_layers=2, num_attention_heads=5, num_key_value_heads=5,
                             head_dim=16, rms_norm_eps=1e-6, tie_word_embeddings=False, rope_parameters=rope(theta=1e6))), {}),
    "qwen3-yarn": ("qwen3", (Qwen3ForCausalLM, Qwen3Config,
                             dict(hidden_size=36, intermediate_size=56, num_hidden_layers=2, num_attention_heads=3, num_key_value_heads=1,
                                  head_dim=16, rms_norm_eps=1e-6, tie_word_embeddings=True,
                                  rope_parameters=rope("yarn", 1e6, factor=4.0, original_max_position_embeddings=64))), {}),
    "qwen3moe": ("qwen3moe", (Qwen3MoeForCausalLM, Qwen3MoeConfig,
                              dict(hidden_size=32, intermediate_size=64, moe_intermediate_size=16, num_hidden_layers=2,
                                   num_attention_heads=3, num_key_value_heads=1, head_dim=16, num_experts=12, num_experts_per_tok=4,
                                   norm_topk_prob=True, rms_norm_eps=1e-6, tie_word_embeddings=True,
                                   rope_parameters=rope(theta=1e6))), {}),
    "qwen3moe-mixed": ("qwen3moe", (Qwen3MoeForCausalLM, Qwen3MoeConfig,
                                    dict(hidden_size=64, intermediate_size=64, moe_intermediate_size=32, num_hidden_layers=2,
                                         num_attention_heads=3, num_key_value_heads=1, head_dim=16, num_experts=12, num_experts_per_tok=3,
                                         norm_topk_prob=True, rms_norm_eps=1e-6, tie_word_embeddings=True,
                                         rope_parameters=rope(theta=1e6))),
                       {"types": {"gate": "Q4_0", "up": "Q8_0", "down": "Q5_1"}}),
}


def build(family, more):
    """transformers' model with random weights; magnitudes give logits a real model's spread."""
    kind, config_of, arguments = family
    config = config_of(vocab_size=VOCAB, max_position_embeddings=CONTEXT, attn_implementation="eager", experts_implementation="eager", dtype=torch.float32,
                       bos_token_id=1, eos_token_id=2, pad_token_id=2, **arguments)
    model = kind(config).eval()
    if "heads" in more:
        for i, (heads, kv_heads, ffn) in enumerate(zip(more["heads"], more["kv_heads"], more["ffn"])):
            layer = type(config)(**{**config.to_dict(), "num_attention_heads": heads, "num_key_value_heads": kv_heads,
                                    "intermediate_size": ffn, "num_hidden_layers": 1})
            layer._attn_implementation = "eager"
            model.model.layers[i] = LlamaDecoderLayer(layer, i).eval()
    return model, config


def as_type(rows, kind):
    """The values that blocks of a type hold and that make the same blocks again."""
    for _ in range(9):
        rows, before = gguf.quants.dequantize(gguf.quants.quantize(rows, kind), kind), rows
        if np.array_equal(rows, before):
            return rows
    raise ValueError(f"{kind} comes to no rest")


def type_of(name, more):
    """Of a tensor, by transformers' name or GGUF's."""
    for part, kind in more.get("types", {}).items():
        if f"experts.{part}_proj" in name or f"ffn_{part}_exps" in name:
            return gguf.GGMLQuantizationType[kind]
    return gguf.GGMLQuantizationType.F32


def randomise(model, name, more):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    state = {}
    for key, tensor in model.state_dict().items():
        noise = rng.standard_normal(tuple(tensor.shape))
        if "norm" in key:
            values = 0.1 * noise + (model.config.model_type not in ONE_ADDED)
        elif key.endswith("bias"):
            values = 0.3 * noise
        else:
            scale = 2.5 if "embed" in key or "lm_head" in key or "mlp.gate.weight" in key else 1.5 if "q_proj" in key or "k_proj" in key else 1.0
            values = noise * scale / np.sqrt(tensor.shape[-1])
        values = values.astype(np.float32)
        if "types" in more and "experts" in key:
            parts = [as_type(part, type_of(own, more)) for own, part in split_experts({key: values})]
            values = np.concatenate(parts, axis=1)
        state[key] = torch.from_numpy(values)
    if model.config.tie_word_embeddings:
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    model.load_state_dict(state)
    return {k: v.numpy() for k, v in state.items()}


def rope_of(config):
    """Of the layers without a window, where layers differ."""
    return config.rope_parameters.get("full_attention", config.rope_parameters)


def permute(rows, heads):
    """As the converter's LlamaModel.permute: halves to neighbours."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def split_experts(state):
    """Gate and up of all experts lie in one tensor in transformers, in two in GGUF."""
    for key, rows in state.items():
        if "experts.gate_up_proj" in key:
            for part, name in zip(np.split(rows, 2, axis=1), ("gate_proj", "up_proj")):
                yield key.replace("gate_up_proj", name), part
        else:
            yield key, rows


def tensors_of(arch, config, state, more):
    """GGUF's names and rows, in layer order."""
    names = gguf.get_tensor_name_map(ARCH[arch.upper()], config.num_hidden_layers)
    out = {}
    for key, rows in split_experts(state):
        if key == "lm_head.weight" and config.tie_word_embeddings:
            continue
        name = names.get_name(key, try_suffixes=(".weight", ".bias"))
        if "_exps" in name:
            name += ".weight"
        layer = int(name.split(".")[1]) if name.startswith("blk.") else 0
        if arch in PERMUTED and ".attn_q." in name:
            rows = permute(rows, more["heads"][layer] if "heads" in more else config.num_attention_heads)
        if arch in PERMUTED and ".attn_k." in name:
            rows = permute(rows, more["kv_heads"][layer] if "heads" in more else config.num_key_value_heads)
        if arch == "lfm2" and "shortconv.conv" in name:
            rows = rows.squeeze(1)
        if arch in ONE_ADDED and name.endswith("norm.weight"):
            rows = rows + np.float32(1)
        out[name] = np.ascontiguousarray(rows)
    if more.get("fused"):
        for i in range(config.num_hidden_layers):
            for suffix in ("weight", "bias"):
                parts = [out.pop(f"blk.{i}.attn_{part}.{suffix}") for part in "qkv"]
                out[f"blk.{i}.attn_qkv.{suffix}"] = np.concatenate(parts)
    if rope_of(config)["rope_type"] == "llama3":
        out["rope_freqs.weight"] = llama3_factors(config)
    if rope_of(config)["rope_type"] == "longrope":
        for kind in ("long", "short"):
            out[f"rope_factors_{kind}.weight"] = np.array(config.rope_parameters[f"{kind}_factor"], np.float32)
    return out


def llama3_factors(config):
    """What rope_freqs.weight divides frequencies by (generate_extra_tensors of the converter)."""
    p = config.rope_parameters
    freqs = 1.0 / (p["rope_theta"] ** (torch.arange(0, config.head_dim, 2, dtype=torch.float32) / config.head_dim))
    low, high = p["original_max_position_embeddings"] / p["low_freq_factor"], p["original_max_position_embeddings"] / p["high_freq_factor"]
    factors = []
    for freq in freqs:
        length = 2 * np.pi / float(freq)
        if length < high:
            factors.append(1.0)
        elif length > low:
            factors.append(p["factor"])
        else:
            smooth = (p["original_max_position_embeddings"] / length - p["low_freq_factor"]) / (p["high_freq_factor"] - p["low_freq_factor"])
            factors.append(1 / ((1 - smooth) / p["factor"] + smooth))
    assert len({1.0, p["factor"]} & set(factors)) == 2 and len(set(factors)) > 2
    return np.array(factors, np.float32)


def write_model(path, name, arch, config, tensors, tokens, merges, more):
    """Keys as set_gguf_parameters of the converter writes them, in its order."""
    w = gguf.GGUFWriter(path, arch)
    w.add_type("model")
    w.add_name("Family " + name.replace("phi3", "phi"))  # at phi3 llama.cpp looks for that model's tokens
    w.add_license("mit")
    w.add_block_count(config.num_hidden_layers)
    w.add_context_length(CONTEXT)
    w.add_embedding_length(config.hidden_size)
    w.add_feed_forward_length(more.get("ffn", config.intermediate_size))
    w.add_head_count(more.get("heads", config.num_attention_heads))
    w.add_head_count_kv(more.get("kv_heads", config.num_key_value_heads))
    if not more.get("causal", True):
        w.add_causal_attention(False)
    if "pooling" in more:
        w.add_pooling_type(more["pooling"])
    p = rope_of(config)
    if p["rope_type"] in ("linear", "yarn"):
        w.add_rope_scaling_type(gguf.RopeScalingType(p["rope_type"]))
        w.add_rope_scaling_factor(p["factor"])
    if p["rope_type"] == "yarn":
        w.add_rope_scaling_orig_ctx_len(p["original_max_position_embeddings"])
    if p["rope_type"] == "longrope":
        if arch != "phi3":
            w.add_rope_scaling_type(gguf.RopeScalingType.LONGROPE)
        w.add_rope_scaling_orig_ctx_len(p["original_max_position_embeddings"])
        w.add_rope_scaling_attn_factors(float(np.sqrt(1 + np.log(p["factor"]) / np.log(p["original_max_position_embeddings"]))))
    if arch not in ("gemma", "gemma2"):
        w.add_rope_freq_base(p["rope_theta"])
    if arch in ("gemma2", "gemma3", "phi3"):
        w.add_sliding_window(config.sliding_window)
    w.add_layer_norm_rms_eps(config.norm_eps if arch == "lfm2" else config.rms_norm_eps)
    if arch == "lfm2":
        w.add_shortconv_l_cache(config.conv_L_cache)
    head = getattr(config, "head_dim", None)
    if head and arch not in ("granite", "lfm2", "qwen2", "qwen2moe", "phi3"):
        w.add_key_length(head)
        w.add_value_length(head)
    experts = getattr(config, "num_experts", getattr(config, "num_local_experts", 0))
    if experts:
        w.add_expert_count(experts)
        w.add_expert_used_count(config.num_experts_per_tok)
    if hasattr(config, "moe_intermediate_size"):
        w.add_expert_feed_forward_length(config.moe_intermediate_size)
    if hasattr(config, "shared_expert_intermediate_size"):
        w.add_expert_shared_feed_forward_length(config.shared_expert_intermediate_size)
    w.add_file_type(gguf.LlamaFileType.ALL_F32)
    if arch in PERMUTED | {"lfm2"}:
        w.add_vocab_size(VOCAB)
    if arch in PERMUTED | {"phi3"}:
        own = head and arch not in ("granite", "phi3")
        w.add_rope_dimension_count(head if own else config.hidden_size // config.num_attention_heads)
    if arch == "granite":
        w.add_attention_scale(config.attention_multiplier)
        w.add_embedding_scale(config.embedding_multiplier)
        w.add_residual_scale(config.residual_multiplier)
        w.add_logit_scale(config.logits_scaling)
    if arch == "gemma2":
        w.add_attn_logit_softcapping(config.attn_logit_softcapping)
        w.add_final_logit_softcapping(config.final_logit_softcapping)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("smollm")
    w.add_token_list(tokens)
    w.add_token_types([gguf.TokenType.CONTROL if t in generate.SPECIAL else gguf.TokenType.NORMAL for t in tokens])
    w.add_token_merges(merges)
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_add_bos_token(False)
    w.add_quantization_version(gguf.GGML_QUANT_VERSION)
    for key, rows in tensors.items():
        w.add_tensor(key, gguf.quants.quantize(rows, type_of(key, more)), raw_dtype=type_of(key, more))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def logits_of(model, ids, causal):
    mask = None if causal else torch.zeros(1, 1, len(ids), len(ids), dtype=next(model.parameters()).dtype)
    return model(torch.tensor([ids]), attention_mask=mask, use_cache=False).logits[0].numpy()


def llama_cpp(program, path, ids):
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run([program, str(path), "--ids", ",".join(map(str, ids)), "--out", out.name, "--quiet"],
                       check=True, stderr=subprocess.DEVNULL)
        return np.fromfile(out.name, np.float32).reshape(len(ids), VOCAB)


def far(a, b):
    """Largest difference, relative to the largest magnitude."""
    return float(np.abs(a.astype(np.float64) - b).max() / np.abs(b).max())


def main():
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    tokens, merges = generate.vocabulary()
    ids = [1] + np.random.default_rng(77).integers(3, VOCAB, POSITIONS - 1).tolist()
    print(f"{'family':20} {'bytes':>7} {'largest':>8} {'float64':>9} {'llama.cpp':>9} same best")
    for name, (arch, family, more) in FAMILIES.items():
        if sys.argv[2:] and name not in sys.argv[2:]:
            continue
        model, config = build(family, more)
        state = randomise(model, name, more)
        path = HERE / f"family-{name}.gguf"
        write_model(path, name, arch, config, tensors_of(arch, config, state, more), tokens, merges, more)
        logits = logits_of(model, ids, more.get("causal", True))
        exact = logits_of(model.double(), ids, more.get("causal", True))
        golden = struct.pack("<4s3I", b"SGLL", 1, POSITIONS, VOCAB) + np.array(ids, np.int32).tobytes() + logits.astype(np.float32).tobytes()
        (GOLDEN / f"family-{name}.golden").write_bytes(golden)
        row = f"{name:20} {path.stat().st_size:7} {np.abs(logits).max():8.3f} {far(logits, exact):9.2e}"
        if not more.get("llama.cpp", True):
            row += "   refuses"  # its llama takes the first layer's numbers for all; deci has them
        elif len(sys.argv) > 1:
            other = llama_cpp(sys.argv[1], path, ids)
            row += f" {far(other, logits):9.2e} {(other.argmax(1) == logits.argmax(1)).sum()}/{POSITIONS}"
        print(row, flush=True)


if __name__ == "__main__":
    main()
