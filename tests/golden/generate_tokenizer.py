#!/usr/bin/env python3
"""What the reference tokenizer makes of each string. README.md describes the file.

usage: generate_tokenizer.py MODEL.gguf OUT.json [N]    with N: only N of the short strings
"""
import base64
import json
import pathlib
import random
import sys
import unicodedata

import gguf
import tokenizers

import reference_tokenizer as reference
import tokenizer_strings


def check_gpt2_against_transformers(path, gpt2, strings):
    """transformers' own conversion of the file has GPT-2's pre-tokeniser: an independent check of ours."""
    from transformers import AutoTokenizer
    other = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    for s in strings:
        assert other.encode(s, add_special_tokens=False) == reference.encode(gpt2, s, True), s


def entry(text, smollm, gpt2):
    case = {"ids": reference.encode(smollm, text, True)}
    literal = reference.encode(smollm, text, False)
    if literal != case["ids"]:
        case["literal"] = literal
    other = reference.encode(gpt2, text, True)
    if other != case["ids"]:
        case["gpt2"] = other
    other_literal = reference.encode(gpt2, text, False)
    if other_literal != (literal if other == case["ids"] else other):
        case["gpt2_literal"] = other_literal
    back = reference.decode(smollm, case["ids"])
    assert back == reference.decode(smollm, literal) == reference.decode(gpt2, other)
    if back != text:
        case["decoded"] = back
    return case


def main():
    path = pathlib.Path(sys.argv[1]).resolve()
    smollm = reference.build(path, "smollm")
    gpt2 = reference.build(path, "gpt-2")
    fields = gguf.GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    special = [t for t, kind in zip(tokens, fields["tokenizer.ggml.token_type"].contents()) if kind == reference.CONTROL]
    strings = tokenizer_strings.valid_strings(tokens, special)
    if len(sys.argv) > 3:
        short = [s for s in strings if len(s) <= 24]
        strings = sorted(random.Random(1).sample(short, int(sys.argv[3])), key=short.index)
    check_gpt2_against_transformers(path, gpt2, strings)

    valid = [{"text": s, **entry(s, smollm, gpt2)} for s in strings]
    invalid = [{"base64": base64.b64encode(b).decode(), **entry(b.decode("utf-8", "replace"), smollm, gpt2)}
               for b in tokenizer_strings.invalid_strings()]
    for case in invalid:  # relative to the replaced text, which is what decoding gives back
        case.setdefault("decoded", base64.b64decode(case["base64"]).decode("utf-8", "replace"))
    # ids that no encoder made: characters cut in the middle, special tokens anywhere
    rng = random.Random(7)
    lists = [[i] for i in special_ids(special, tokens)] + [[rng.randrange(len(tokens)) for _ in range(rng.randrange(1, 12))] for _ in range(150)]
    cut = [i for i, t in enumerate(tokens) if any(ord(c) > 0x120 or 0xA1 <= ord(c) <= 0xFF for c in t) and len(t) < 3]
    lists += [[rng.choice(cut) for _ in range(rng.randrange(1, 8))] for _ in range(150)]
    decode = [{"ids": ids, "text": reference.decode(smollm, ids)} for ids in lists]

    meta = {"reference": f"tokenizers {tokenizers.__version__}", "model": path.name, "unicode": unicodedata.unidata_version}
    with open(sys.argv[2], "w", encoding="utf-8", newline="\n") as out:
        out.write("{" + json.dumps(meta)[1:-1])
        for name, cases in (("valid", valid), ("invalid", invalid), ("decode", decode)):
            lines = ",\n".join(json.dumps(c, ensure_ascii=True, separators=(",", ":")) for c in cases)
            out.write(f',\n"{name}": [\n{lines}\n]')
        out.write("}\n")
    print(len(valid), "strings,", len(invalid), "invalid,", len(decode), "id lists;",
          sum("literal" in c for c in valid), "differ without special tokens,", sum("gpt2" in c for c in valid), "differ for GPT-2,",
          sum("decoded" in c for c in valid), "do not decode to themselves")


def special_ids(special, tokens):
    return [tokens.index(s) for s in special]


if __name__ == "__main__":
    main()
