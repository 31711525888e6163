#!/usr/bin/env python3
"""Tiny llama models in llama.cpp's mixtures of quants, and two references for each.

  kquants.py LLAMA_QUANTIZE LLAMA_LOGITS

llama-quantize makes kquant-<name>.gguf here from random float32 weights. tests/golden gets
kquant-<name>.golden, transformers over the dequantised weights in float32 (eager attention), and
kquant-<name>.llama.golden, llama.cpp's own logits (its activations are quantised too; float32 KV
cache): both SGLL, tests/golden/README.md. LLAMA_LOGITS is tests/golden/llama_logits.cpp.
"""
import collections
import pathlib
import struct
import subprocess
import sys
import tempfile

import gguf
import numpy as np
import torch
from gguf.quants import dequantize

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import families  # noqa: E402
import generate_logits  # noqa: E402  (families puts tests/golden in the path)

POSITIONS = 40
NARROW = dict(hidden_size=256, intermediate_size=256, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, head_dim=32,
              tie_word_embeddings=True)
WIDE = {**NARROW, "intermediate_size": 512, "num_attention_heads": 1}  # rows of two super-blocks
ODD = {**NARROW, "hidden_size": 96, "intermediate_size": 160, "num_hidden_layers": 2, "num_attention_heads": 3}  # none of 256 weights

MXFP4 = [a for name in ("attn_q", "attn_k", "attn_output", "ffn_gate", "ffn_up", "ffn_down") for a in ("--tensor-type", f"{name}=mxfp4")]

# name: (sizes, type, further arguments). What is no multiple of 256 wide falls back to 32-weight types.
MODELS = {
    "q4_k_s": (WIDE, "Q4_K_S", ["--token-embedding-type", "q4_K"]),
    "q4_k_m": (NARROW, "Q4_K_M", []),
    "q5_k_m": (NARROW, "Q5_K_M", []),
    "q6_k": (NARROW, "Q6_K", []),
    "odd-q4_k_m": (ODD, "Q4_K_M", []),
    "odd-q5_k_m": (ODD, "Q5_K_M", []),
    "q2_k": (WIDE, "Q2_K", ["--token-embedding-type", "q2_K"]),
    "q3_k_s": (WIDE, "Q3_K_S", ["--token-embedding-type", "q3_K"]),
    "q3_k_l": (NARROW, "Q3_K_L", []),
    "iq4_nl": (NARROW, "IQ4_NL", ["--token-embedding-type", "iq4_nl"]),
    "iq4_xs": (WIDE, "IQ4_XS", ["--token-embedding-type", "iq4_xs"]),
    "mxfp4": (NARROW, "MXFP4_MOE", ["--token-embedding-type", "mxfp4", *MXFP4]),
}


def dequantised(path, config):
    """transformers' state over the file's values, rows of q and k moved back."""
    state, kinds = {}, collections.Counter()
    for t in gguf.GGUFReader(path).tensors:
        kinds[t.tensor_type.name] += 1
        rows = dequantize(t.data, t.tensor_type).astype(np.float32)
        parts = t.name.split(".")
        if parts[0] == "blk":
            if parts[2] in ("attn_q", "attn_k"):
                heads = config.num_attention_heads if parts[2] == "attn_q" else config.num_key_value_heads
                rows = generate_logits.unpermute(rows, heads)
            state[f"model.layers.{parts[1]}.{generate_logits.NAMES[parts[2]]}.weight"] = rows
        else:
            state[{"token_embd": "model.embed_tokens.weight", "output_norm": "model.norm.weight"}[parts[0]]] = rows
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    return {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in state.items()}, kinds


def write_golden(name, ids, logits):
    head = struct.pack("<4s3I", b"SGLL", 1, len(ids), families.VOCAB)
    (families.GOLDEN / name).write_bytes(head + np.array(ids, np.int32).tobytes() + logits.astype(np.float32).tobytes())


def main():
    quantize, program = sys.argv[1:3]
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    tokens, merges = families.generate.vocabulary()
    ids = [1] + np.random.default_rng(78).integers(3, families.VOCAB, POSITIONS - 1).tolist()
    for name, (sizes, kind, more) in MODELS.items():
        model, config = families.build(families.llama(**sizes), {})
        state = families.randomise(model, f"kquant {sizes['hidden_size']} {sizes['intermediate_size']}")
        path = HERE / f"kquant-{name}.gguf"
        with tempfile.TemporaryDirectory() as folder:
            whole = pathlib.Path(folder) / "f32.gguf"
            families.write_model(whole, f"K-quant {name}", "llama", config, families.tensors_of("llama", config, state, {}),
                                 tokens, merges, {})
            subprocess.run([quantize, *more, str(whole), str(path), kind, "1"], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        values, kinds = dequantised(path, config)
        model.load_state_dict(values)
        logits = families.logits_of(model, ids, True)
        exact = families.logits_of(model.double(), ids, True)
        other = families.llama_cpp(program, path, ids)
        write_golden(f"kquant-{name}.golden", ids, logits)
        write_golden(f"kquant-{name}.llama.golden", ids, other)
        print(f"{name:11} {path.stat().st_size:7} {' '.join(f'{k}:{n}' for k, n in sorted(kinds.items())):40} largest {np.abs(logits).max():6.2f} "
              f"float64 {families.far(logits, exact):.1e} llama.cpp {families.far(other, logits):.1e} "
              f"same best {(other.argmax(1) == logits.argmax(1)).sum()}/{POSITIONS}", flush=True)


if __name__ == "__main__":
    main()
