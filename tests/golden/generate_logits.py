#!/usr/bin/env python3
"""Reference logits of a GGUF model over text-512.txt, by transformers in float32. README.md gives the format.

usage: generate_logits.py MODEL.gguf OUT.golden [--tokens 512] [--top 64]
"""
import argparse
import math
import pathlib
import struct

import gguf
import numpy as np
import torch
from gguf.quants import dequantize
from transformers import AutoModelForCausalLM

import reference_tokenizer

HERE = pathlib.Path(__file__).resolve().parent
NAMES = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
         "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
         "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}


def unpermute(rows, heads):
    """GGUF's llama rotates neighbours (2i, 2i+1), transformers halves (i, i + d/2): the rows of q and k move."""
    return rows.reshape(heads, rows.shape[0] // heads // 2, 2, -1).swapaxes(1, 2).reshape(rows.shape)


def check_weights(model, path):
    """Every weight that transformers made of the file is the gguf package's dequantised value, bit for bit."""
    reader = gguf.GGUFReader(path)
    state = model.state_dict()
    heads = {"attn_q": model.config.num_attention_heads, "attn_k": model.config.num_key_value_heads}
    for tensor in reader.tensors:
        parts = tensor.name.split(".")
        rows = dequantize(tensor.data, tensor.tensor_type).reshape(tuple(int(n) for n in reversed(tensor.shape)))
        if parts[0] == "blk":
            name = f"model.layers.{parts[1]}.{NAMES[parts[2]]}.weight"
            if parts[2] in heads:
                rows = unpermute(rows, heads[parts[2]])
        else:
            name = {"token_embd": "model.embed_tokens.weight", "output_norm": "model.norm.weight", "output": "lm_head.weight"}[parts[0]]
        assert state[name].dtype == torch.float32
        assert np.array_equal(state[name].numpy(), rows.astype(np.float32)), tensor.name
    print(f"{len(reader.tensors)} tensors equal the gguf package's, q and k unpermuted")


def load(path):
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32, attn_implementation="eager")
    return model.eval()


def summarise(logits, ids, top):
    """logits[n, vocab] float32 -> bytes of the golden file, and the perplexity."""
    logits = logits.double()
    scale = torch.logsumexp(logits, -1, keepdim=True)
    logprobs = logits - scale
    best = torch.topk(logprobs, top, dim=-1)
    others = logprobs.scatter(1, best.indices, -math.inf)
    rest = torch.logsumexp(others, -1)
    n, vocab = logits.shape
    target = torch.zeros(n, dtype=torch.float64)
    target[:-1] = logprobs[torch.arange(n - 1), torch.tensor(ids[1:])]
    nll = -target[:-1].mean().item()
    out = bytearray(struct.pack("<4s5I2f", b"SGLD", 1, n, vocab, top, n - 1, nll, math.exp(nll)))
    out += np.asarray(ids, "<u4").tobytes()
    for i in range(n):
        out += best.indices[i].numpy().astype("<u4").tobytes() + best.values[i].numpy().astype("<f4").tobytes()
        out += struct.pack("<3f", rest[i], target[i], scale[i])
    return bytes(out), math.exp(nll)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--top", type=int, default=64)
    args = parser.parse_args()
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    path = args.model.resolve()
    tokenizer = reference_tokenizer.build(path)
    ids = reference_tokenizer.encode(tokenizer, (HERE / "text-512.txt").read_text("utf-8"), True)
    assert len(ids) == 512
    ids = ids[:args.tokens]
    model = load(path)
    check_weights(model, path)
    hello = reference_tokenizer.encode(tokenizer, "The capital of France is", True)
    logits = model(torch.tensor([hello])).logits[0, -1]
    print("The capital of France is", repr(reference_tokenizer.decode(tokenizer, [logits.argmax().item()])), logits.max().item())
    logits = model(torch.tensor([ids])).logits[0].float()
    data, perplexity = summarise(logits, ids, args.top)
    args.out.write_bytes(data)
    print(f"{args.out.name}: {len(ids)} positions, {len(data)} bytes, perplexity {perplexity:.6f}")
    exact = torch.log_softmax(model.double()(torch.tensor([ids])).logits[0], -1)
    difference = (torch.log_softmax(logits.double(), -1) - exact).abs()
    best = torch.topk(exact, args.top, dim=-1).indices
    print(f"float32 against float64: log-probabilities differ by at most {difference.gather(1, best).max():.2e} among the best, {difference.max():.2e} anywhere;",
          f"top-1 agreement {(exact.argmax(-1) == logits.argmax(-1)).float().mean():.4f}")


if __name__ == "__main__":
    main()
