#!/usr/bin/env python3
"""Tiny random llama models, one for each weight type, and what transformers computes with their weights.

Writes tiny-<type>.gguf here (F16 also in three parts) and tests/golden/tiny-<type>.golden. Needs the
packages of tests/golden/requirements.txt; tests/golden/README.md describes the golden files.
"""
import json
import pathlib
import struct
import sys

import gguf
import numpy as np
import torch
from gguf.quants import dequantize, quantize
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent.parent / "tests" / "golden"
sys.path.insert(0, str(GOLDEN))
import generate_logits  # noqa: E402
from requantize import FILE_TYPE  # noqa: E402

T = gguf.GGMLQuantizationType
LAYERS, WIDTH, HEADS, KV_HEADS, HEAD, FFN, VOCAB, CONTEXT = 2, 64, 4, 2, 16, 96, 300, 256
EPS, THETA = 1e-5, 10000.0
NARROW = 64  # the F32 model's FFN, to keep its file small
TIED = {"F32", "F16", "Q4_0", "Q8_0"}  # the others carry an output.weight
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CHATML = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
          "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
POSITIONS = 24


def vocabulary():
    """SmolLM's kind of vocabulary: special tokens, 256 byte symbols, a few merges."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                                       pre_tokenizers.ByteLevel(add_prefix_space=False)])
    trainer = trainers.BpeTrainer(vocab_size=VOCAB, special_tokens=[AddedToken(s, special=True, normalized=False) for s in SPECIAL],
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator([(GOLDEN / "text-512.txt").read_text("utf-8")], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    assert len(tokens) == VOCAB and tokens[:3] == SPECIAL
    return tokens, [" ".join(m) if isinstance(m, list) else m for m in model["merges"]]


def weights():
    """Tensors of the file, in its order, float32; magnitudes that give logits a real model's spread."""
    rng = np.random.default_rng(1234)

    def matrix(rows, columns, scale=1.0):
        return (rng.standard_normal((rows, columns)) * scale / np.sqrt(columns)).astype(np.float32)

    def norm():
        return (1 + 0.1 * rng.standard_normal(WIDTH)).astype(np.float32)

    out = {"token_embd.weight": matrix(VOCAB, WIDTH, 2.5)}
    for i in range(LAYERS):
        blk = f"blk.{i}."
        out[blk + "attn_norm.weight"] = norm()
        out[blk + "ffn_down.weight"] = matrix(WIDTH, FFN)
        out[blk + "ffn_gate.weight"] = matrix(FFN, WIDTH)
        out[blk + "ffn_up.weight"] = matrix(FFN, WIDTH)
        out[blk + "ffn_norm.weight"] = norm()
        out[blk + "attn_k.weight"] = matrix(KV_HEADS * HEAD, WIDTH, 1.5)
        out[blk + "attn_output.weight"] = matrix(WIDTH, HEADS * HEAD)
        out[blk + "attn_q.weight"] = matrix(HEADS * HEAD, WIDTH, 1.5)
        out[blk + "attn_v.weight"] = matrix(KV_HEADS * HEAD, WIDTH)
    out["output_norm.weight"] = norm()
    out["output.weight"] = matrix(VOCAB, WIDTH, 2.5)
    return out


def narrowed(key, rows):
    """The tensor with the first NARROW of the feed-forward part's units."""
    if "ffn_down" in key:
        return np.ascontiguousarray(rows[:, :NARROW])
    return rows[:NARROW] if "ffn_gate" in key or "ffn_up" in key else rows


def write_model(path, name, tensors, tokens, merges, parts=0):
    writer = gguf.GGUFWriter(path, "llama", split_max_tensors=-(-len(tensors) // parts) if parts else 0)
    writer.add_type("model")
    writer.add_name("Tiny " + name)
    writer.add_license("mit")
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(NARROW if name == "F32" else FFN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_freq_base(THETA)
    writer.add_layer_norm_rms_eps(EPS)
    writer.add_file_type(FILE_TYPE[name])
    writer.add_vocab_size(VOCAB)
    writer.add_rope_dimension_count(HEAD)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if t in SPECIAL else gguf.TokenType.NORMAL for t in tokens])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHATML)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    for key, (data, kind) in tensors.items():
        writer.add_tensor(key, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def reference_model(tensors, tied, ffn):
    """transformers' llama over the dequantised weights."""
    config = LlamaConfig(vocab_size=VOCAB, hidden_size=WIDTH, intermediate_size=ffn, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
                         num_key_value_heads=KV_HEADS, head_dim=HEAD, max_position_embeddings=CONTEXT, rms_norm_eps=EPS,
                         rope_parameters={"rope_type": "default", "rope_theta": THETA}, tie_word_embeddings=tied,
                         attention_bias=False, mlp_bias=False, attn_implementation="eager", dtype=torch.float32)
    model = LlamaForCausalLM(config).eval()
    state = {}
    for key, (data, kind) in tensors.items():
        rows = dequantize(data, kind).astype(np.float32) if kind != T.F32 else data
        parts = key.split(".")
        if parts[0] == "blk":
            if parts[2] in ("attn_q", "attn_k"):
                rows = generate_logits.unpermute(rows, HEADS if parts[2] == "attn_q" else KV_HEADS)
            state[f"model.layers.{parts[1]}.{generate_logits.NAMES[parts[2]]}.weight"] = rows
        else:
            state[{"token_embd": "model.embed_tokens.weight", "output_norm": "model.norm.weight", "output": "lm_head.weight"}[parts[0]]] = rows
    if tied:
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    model.load_state_dict({k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in state.items()})
    return model


def main():
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    tokens, merges = vocabulary()
    base = weights()
    ids = [1] + np.random.default_rng(99).integers(0, VOCAB, POSITIONS - 1).tolist()
    for name in FILE_TYPE:
        kind, tied = T[name], name in TIED
        tensors = {}
        for key, rows in base.items():
            if key == "output.weight" and tied:
                continue
            matrix = rows.ndim == 2 and name != "F32"
            rows = narrowed(key, rows) if name == "F32" else rows
            tensors[key] = (quantize(rows, kind), kind) if matrix else (rows, T.F32)
        path = HERE / f"tiny-{name.lower()}.gguf"
        write_model(path, name, tensors, tokens, merges)
        if name == "F16":
            for old in HERE.glob("tiny-f16-*-of-*.gguf"):
                old.unlink()
            write_model(path, name, tensors, tokens, merges, parts=3)
        model = reference_model(tensors, tied, NARROW if name == "F32" else FFN)
        logits = model(torch.tensor([ids])).logits[0].float()
        generate_logits.check_weights(model, path)
        other = generate_logits.load(path)(torch.tensor([ids])).logits[0]  # the file as transformers itself reads it
        exact = model.double()(torch.tensor([ids])).logits[0]
        (GOLDEN / f"tiny-{name.lower()}.golden").write_bytes(
            struct.pack("<4s3I", b"SGLL", 1, POSITIONS, VOCAB) + np.asarray(ids, "<u4").tobytes() + logits.numpy().astype("<f4").tobytes())
        print(f"{path.name}: {path.stat().st_size} bytes, tied {tied}, logits {logits.min():.2f} to {logits.max():.2f}, deviation {logits.std():.2f};",
              f"read by transformers {(other - logits).abs().max():.1e} away, float64 {(exact - logits).abs().max():.1e}")


if __name__ == "__main__":
    main()
