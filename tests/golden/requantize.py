#!/usr/bin/env python3
"""Rewrites a GGUF file with every quantised 2-D tensor, the embedding too, in another type.

usage: requantize.py IN.gguf OUT.gguf F32|F16|BF16|Q4_0|Q4_1|Q5_0|Q5_1|Q8_0

Values are dequantised and quantised by the gguf package; 1-D tensors and all metadata but
general.file_type stay as they are.
"""
import sys

import gguf
import numpy as np
from gguf.quants import dequantize, quantize

T = gguf.GGMLQuantizationType
FILE_TYPE = {"F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "BF16": 32}


def copy_metadata(reader, writer, changes):
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        kind = field.types[0]
        sub = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, changes.get(name, field.contents()), kind, sub_type=sub)


def main():
    source, target, name = sys.argv[1:]
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    copy_metadata(reader, writer, {"general.file_type": FILE_TYPE[name]})
    for tensor in reader.tensors:
        kind = tensor.tensor_type
        if len(tensor.shape) == 2 and kind != T.F32:
            rows = dequantize(tensor.data, kind).reshape(tuple(int(n) for n in reversed(tensor.shape)))
            data = rows.astype(np.float32) if name == "F32" else quantize(rows, T[name])
            writer.add_tensor(tensor.name, np.ascontiguousarray(data), raw_dtype=T[name])
        else:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
