#!/usr/bin/env python3
"""What the gguf package makes of blocks of any bytes: tests/golden/blocks-hash.txt, lines of type and hash.

Blocks are bytes of a linear congruential generator; every 16th is all 0xFF, every 16th all 0. Halves
that would be infinite or no number (no file with them loads) lose the highest bit of their exponent, and
MXFP4's exponents are at most 252. The hash is FNV-1a over the float32 values that gguf.quants dequantises. tests/c/test_dtype.c does the same.
"""
import pathlib

import gguf
import numpy as np
from gguf.quants import dequantize

BLOCKS = 2048
HALVES = {  # where a block has its halves, in bytes
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
    "Q2_K": [80, 82], "Q3_K": [108], "IQ4_NL": [0], "IQ4_XS": [0], "MXFP4": [],
    "F16": [0], "BF16": [0],
}


def blocks_of(name, size, halves):
    exponent = 0x7F80 if name == "BF16" else 0x7C00
    state, out = 1, np.zeros((BLOCKS, size), np.uint8)
    for block in range(BLOCKS):
        for i in range(size):
            state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
            out[block, i] = state >> 24
        if block % 16 == 3:
            out[block] = 0xFF
        if block % 16 == 7:
            out[block] = 0
        for at in halves:
            if ((int(out[block, at + 1]) << 8 | int(out[block, at])) & exponent) == exponent:
                out[block, at + 1] &= 0xBF
        if name == "MXFP4":
            out[block, 0] = min(out[block, 0], 252)
    return out


def fnv(data):
    h = 0xCBF29CE484222325
    for byte in data:
        h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return h


def main():
    lines = []
    for name, halves in HALVES.items():
        kind = gguf.GGMLQuantizationType[name]
        size = gguf.GGML_QUANT_SIZES[kind][1]
        values = dequantize(blocks_of(name, size, halves), kind).astype(np.float32)
        assert np.isfinite(values).all()
        lines.append(f"{name} {fnv(values.tobytes()):016x}\n")
    (pathlib.Path(__file__).parent / "blocks-hash.txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
