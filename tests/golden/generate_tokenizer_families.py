"""Write tokenizer-strings.json, and tokenizer-<id>.json for each entry of models/vocabularies.json and encoders.json.

    python generate_tokenizer_families.py MODEL.gguf FOLDER [ID…]

MODEL.gguf lends its vocabulary to the strings; FOLDER holds <id>.json, the tokenizer.json files. Ids and text
are those of the tokenizers library, of which a golden file keeps 24 bits of hash for each string (README.md).
"""
import json
import pathlib
import re
import sys

import gguf
import tokenizers

import reference_tokenizer as reference
import tokenizer_strings

HERE = pathlib.Path(__file__).resolve().parent
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def digest(data):
    """FNV-1a of 32 bits, its upper byte folded into the rest, as four digits of 6 bits."""
    h = 2166136261
    for byte in data:
        h = (h ^ byte) * 16777619 & 0xFFFFFFFF
    h = h & 0xFFFFFF ^ h >> 24
    return "".join(DIGITS[h >> shift & 63] for shift in (18, 12, 6, 0))


def ids_digest(ids):
    return digest(b"".join(i.to_bytes(4, "little") for i in ids))


def looks_like_control(text):
    return len(text) > 4 and text.startswith("<|") and text.endswith("|>")


def load(path):
    """What is spelled like a control token counts as one, as it does in the engine."""
    data = json.loads(path.read_text("utf-8"))
    for token in data["added_tokens"]:
        token["special"] = token["special"] or looks_like_control(token["content"])
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(data))
    return tokenizer, data


def golden(tokenizer, strings):
    special, literal, text = [], {}, {}
    for i, s in enumerate(strings):
        ids = reference.encode(tokenizer, s, True)
        special.append(ids_digest(ids))
        plain = reference.encode(tokenizer, s, False)
        if plain != ids:
            literal[i] = ids_digest(plain)
        decoded = reference.decode(tokenizer, plain)
        if decoded != s:
            text[i] = digest(decoded.encode())
    return special, literal, text


def words(tokenizer):
    """WordPiece's words as the tokens have them: no space goes in front of punctuation, and none stands before [UNK]."""
    tokenizer.decoder = tokenizers.decoders.WordPiece(cleanup=False)
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(single="$A", pair="$A $B", special_tokens=[])
    tokenizer.no_truncation()
    tokenizer.no_padding()
    decode = reference.decode
    reference.decode = lambda t, ids: re.sub(r" (\[(?:UNK|CLS|SEP|PAD|MASK)\])", r"\1", decode(t, ids))


def characters(tokenizer):
    """One digest of what becomes of every character between two letters."""
    codes = [c for c in range(0x40000) if not 0xD800 <= c < 0xE000]
    return ids_digest([i for c in codes for i in reference.encode(tokenizer, f"a{chr(c)}b", False)])


def main():
    fields = gguf.GGUFReader(sys.argv[1]).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    marks = [t for t, kind in zip(tokens, fields["tokenizer.ggml.token_type"].contents()) if kind == reference.CONTROL]
    strings = tokenizer_strings.family_strings(tokens, marks)
    with open(HERE / "tokenizer-strings.json", "w", encoding="utf-8", newline="\n") as out:
        out.write("[\n" + ",\n".join(json.dumps(s, ensure_ascii=False) for s in strings) + "\n]\n")
    models = HERE / "../../models"
    entries = [e for name in ("vocabularies.json", "encoders.json") for e in json.loads((models / name).read_text("utf-8"))]
    for entry in entries:
        if sys.argv[3:] and entry["id"] not in sys.argv[3:]:
            continue
        tokenizer, data = load(pathlib.Path(sys.argv[2]) / f"{entry['id']}.json")
        word_piece = data["model"]["type"] == "WordPiece"
        if word_piece:
            words(tokenizer)
        special, literal, text = golden(tokenizer, strings)
        result = {"reference": f"tokenizers {tokenizers.__version__}", "source": f"{entry['package']} {entry['version']}",
                  "special": "".join(special), "literal": literal, "text": text}
        if word_piece:
            result["characters"] = characters(tokenizer)
        (HERE / f"tokenizer-{entry['id']}.json").write_text(json.dumps(result, separators=(",", ":")).replace(',"', ',\n"', 4) + "\n", "utf-8", newline="\n")
        print(entry["id"], len(strings), "strings;", len(literal), "differ without special tokens;", len(text), "decode to something else")


if __name__ == "__main__":
    main()
