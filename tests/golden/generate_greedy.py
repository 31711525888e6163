#!/usr/bin/env python3
"""greedy.json: what the model says when the best token is taken each time, by transformers in float32.

usage: generate_greedy.py MODEL.gguf
"""
import json
import pathlib
import sys

import torch

import generate_logits
import reference_tokenizer

HERE = pathlib.Path(__file__).resolve().parent
SMOLLM = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
PROMPTS = ["The capital of France is", "Once upon a time", "def fibonacci(n):\n", "1, 2, 3, 4,",
           SMOLLM.format("What is the capital of France?"), SMOLLM.format("Write a haiku about the sea.")]
COUNT = 48


def main():
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    path = pathlib.Path(sys.argv[1]).resolve()
    tokenizer = reference_tokenizer.build(path)
    stop = reference_tokenizer.encode(tokenizer, "<|im_end|>", True)[0]
    model = generate_logits.load(path)
    cases = []
    for prompt in PROMPTS:
        ids = reference_tokenizer.encode(tokenizer, prompt, True)
        new, margins = [], []
        while len(new) < COUNT and stop not in new:
            two = torch.topk(model(torch.tensor([ids + new])).logits[0, -1], 2)
            new.append(two.indices[0].item())
            margins.append(round((two.values[0] - two.values[1]).item(), 4))
        cases.append({"prompt": prompt, "prompt_ids": ids, "ids": new, "text": reference_tokenizer.decode(tokenizer, new), "margins": margins})
        print(repr(prompt[-40:]), "->", repr(cases[-1]["text"]), "least margin", min(margins))
    with open(HERE / "greedy.json", "w", encoding="utf-8", newline="\n") as out:
        out.write('{"model": %s,\n"cases": [\n' % json.dumps(path.name))
        out.write(",\n".join(json.dumps(c) for c in cases) + "\n]}\n")


if __name__ == "__main__":
    main()
