"""The reference tokenizer of a byte-level BPE GGUF file, built with the `tokenizers` library.

transformers' own GGUF conversion gives every such file GPT-2's pre-tokeniser. SmolLM's splits digits
off first, one by one, as the model's own tokenizer.json and llama.cpp ("smollm") do; so it is built here.
"""
import gguf
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

CONTROL = 3  # tokenizer.ggml.token_type
USER_DEFINED = 4


def build(path, pre=None):
    """`pre` overrides tokenizer.ggml.pre."""
    fields = gguf.GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    types = fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]
    pre = pre or fields["tokenizer.ggml.pre"].contents()
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True)
    if pre == "smollm":
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level])
    elif pre == "gpt-2":
        tokenizer.pre_tokenizer = byte_level
    else:
        raise ValueError(f"no reference for the pre-tokeniser {pre!r}")
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False)
                                  for t, kind in zip(tokens, types) if kind in (CONTROL, USER_DEFINED)])
    return tokenizer


def encode(tokenizer, text, parse_special):
    """Without parse_special the spelling of a special token is ordinary text."""
    tokenizer.encode_special_tokens = not parse_special
    return tokenizer.encode(text, add_special_tokens=False).ids


def decode(tokenizer, ids):
    return tokenizer.decode(ids, skip_special_tokens=False)
