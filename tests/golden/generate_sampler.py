#!/usr/bin/env python3
"""Writes sampler.json: what the sampler chain picks, by a plain reference that shares nothing with
src/sample: everything is sorted, summed with math.fsum, and written as the papers have it.

    python3 tests/golden/generate_sampler.py > tests/golden/sampler.json

Only Python's standard library is used. Logits come from a formula that the C test repeats.
"""
import json
import math
import struct

DEFAULTS = dict(temperature=0.8, top_k=40, top_p=0.95, min_p=0.05, typical_p=1.0, repeat_penalty=1.0,
                repeat_last_n=64, presence_penalty=0.0, frequency_penalty=0.0, seed=0)


def f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def make_logits(n_vocab, seed, coarse):
    """Uniform in [-8, 8); coarse ones are multiples of 1/2 and so have many ties."""
    state, logits = seed, []
    for _ in range(n_vocab):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        value = (state >> 8) - (1 << 23)
        if coarse:
            value &= ~0x7FFFF
        logits.append(value / 2**20)
    return logits


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & 0xFFFFFFFF, (a >> 32) ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def random_u64(seed, position):
    out = philox([position & 0xFFFFFFFF, position >> 32, 0, 0], [seed & 0xFFFFFFFF, seed >> 32])
    return out[0] | out[1] << 32


def softmax(logits, temperature=1.0):
    highest = max(logits)
    weights = [math.exp((l - highest) / temperature) for l in logits]
    total = math.fsum(weights)
    return [w / total for w in weights]


def until(order, probabilities, mass):
    """The first of `order` whose probabilities sum up to `mass`."""
    kept = []
    for i in order:
        kept.append(i)
        if math.fsum(probabilities[j] for j in kept) >= mass:
            break
    return kept


def penalised(logits, s, bias, history):
    logits = list(logits)
    for token, value in bias:
        logits[token] = -math.inf if value is None else f32(logits[token] + f32(value))
    last = s["repeat_last_n"]
    window = history if last < 0 else history[max(0, len(history) - last):]
    for token in sorted(set(window)):
        l, repeat = logits[token], f32(s["repeat_penalty"])
        l = f32(l / repeat) if l > 0 else f32(l * repeat)
        takeoff = f32(f32(window.count(token) * f32(s["frequency_penalty"])) + f32(s["presence_penalty"]))
        logits[token] = f32(l - takeoff)
    return logits


def left_over(logits, s, bias, history):
    """Ids left by the filters in descending order, and their logits."""
    logits = penalised(logits, s, bias, history)
    ids = sorted((i for i in range(len(logits)) if logits[i] > -math.inf), key=lambda i: (-logits[i], i))
    if s["temperature"] <= 0:
        return ids[:1], logits
    if s["top_k"] > 0:
        ids = ids[:s["top_k"]]
    if s["typical_p"] < 1:
        p = dict(zip(ids, softmax([logits[i] for i in ids])))
        entropy = -math.fsum(x * math.log(x) for x in p.values() if x > 0)
        rank = {i: n for n, i in enumerate(ids)}
        order = sorted(ids, key=lambda i: (f32(abs(-math.log(p[i]) - entropy)), rank[i]))
        ids = sorted(until(order, p, f32(s["typical_p"])), key=lambda i: rank[i])
    if s["top_p"] < 1:
        p = dict(zip(ids, softmax([logits[i] for i in ids])))
        ids = until(ids, p, f32(s["top_p"]))
    if s["min_p"] > 0:
        p = dict(zip(ids, softmax([logits[i] for i in ids])))
        ids = [i for i in ids if p[i] >= f32(s["min_p"]) * p[ids[0]]]
    return ids, logits


def pick(ids, logits, s, position):
    if s["temperature"] <= 0:
        return ids[0]
    p = softmax([logits[i] for i in ids], f32(s["temperature"]))
    uniform = (random_u64(s["seed"], position) >> 11) / 2**53
    for n, i in enumerate(ids):
        if math.fsum(p[:n + 1]) > uniform:
            return i
    return ids[-1]


def case(name, n_vocab, logits_seed, coarse=False, bias=(), history=(), n_positions=24, **changes):
    s = {**DEFAULTS, **changes}
    ids, logits = left_over(make_logits(n_vocab, logits_seed, coarse), s, list(bias), list(history))
    return dict(name=name, n_vocab=n_vocab, logits_seed=logits_seed, coarse=coarse, sampling=s,
                bias=[list(b) for b in bias], history=list(history), n_left=len(ids),
                tokens=[pick(ids, logits, s, position) for position in range(n_positions)])


OFF = dict(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0)
PENALTIES = dict(repeat_penalty=1.3, presence_penalty=0.5, frequency_penalty=0.25)
REPEATING = [5, 9, 5, 40, 5, 9, 77, 77, 77, 77, 3]


def cases():
    for coarse in (False, True):
        kind = " with ties" if coarse else ""
        yield case("defaults" + kind, 1000, 11, coarse, seed=1)
        yield case("greedy" + kind, 1000, 12, coarse, temperature=0.0, n_positions=2)
        yield case("negative temperature" + kind, 300, 13, coarse, temperature=-1.0, n_positions=2)
        yield case("everything off" + kind, 500, 14, coarse, seed=2, **OFF)
        yield case("everything off, cold" + kind, 500, 15, coarse, seed=3, **{**OFF, "temperature": 0.25})
        yield case("everything off, hot" + kind, 700, 16, coarse, seed=4, **{**OFF, "temperature": 10.0})
        yield case("top_k" + kind, 900, 17, coarse, seed=5, **{**OFF, "top_k": 7, "temperature": 5.0})
        yield case("top_k 1" + kind, 900, 18, coarse, seed=6, **{**OFF, "top_k": 1})
        yield case("top_k beyond the vocabulary" + kind, 60, 19, coarse, seed=7, **{**OFF, "top_k": 1000})
        yield case("top_p" + kind, 2000, 20, coarse, seed=8, **{**OFF, "top_p": 0.7})
        yield case("top_p over many" + kind, 2000, 21, coarse, seed=9, **{**OFF, "top_p": 0.999})
        yield case("top_p 0" + kind, 200, 22, coarse, seed=10, **{**OFF, "top_p": 0.0})
        yield case("min_p" + kind, 2000, 23, coarse, seed=11, **{**OFF, "min_p": 0.2, "temperature": 3.0})
        yield case("min_p low" + kind, 2000, 24, coarse, seed=12, **{**OFF, "min_p": 1e-5, "temperature": 3.0})
        yield case("min_p 1" + kind, 2000, 25, coarse, seed=13, **{**OFF, "min_p": 1.0})
        yield case("typical" + kind, 400, 26, coarse, seed=14, **{**OFF, "typical_p": 0.5, "temperature": 2.0})
        yield case("typical low" + kind, 400, 27, coarse, seed=15, **{**OFF, "typical_p": 0.01})
        yield case("typical of top_k, then top_p and min_p" + kind, 1500, 28, coarse, seed=16,
                   **{**OFF, "top_k": 100, "typical_p": 0.9, "top_p": 0.8, "min_p": 0.01, "temperature": 1.5})
        yield case("all filters" + kind, 1500, 29, coarse, seed=17, top_k=50, top_p=0.9, min_p=0.02,
                   temperature=1.2, **PENALTIES, history=REPEATING)
        yield case("penalties" + kind, 120, 30, coarse, seed=18, **OFF, **PENALTIES, history=REPEATING)
        yield case("penalties, greedy" + kind, 120, 30, coarse, temperature=0.0, **PENALTIES,
                   history=list(range(0, 120, 2)), repeat_last_n=-1, n_positions=1)
        yield case("penalties of the last three" + kind, 120, 31, coarse, seed=19, **OFF, **PENALTIES,
                   history=REPEATING, repeat_last_n=3)
        yield case("penalties off by repeat_last_n 0" + kind, 120, 31, coarse, seed=20, **OFF, **PENALTIES,
                   history=REPEATING, repeat_last_n=0)
        yield case("negative penalties" + kind, 120, 32, coarse, seed=21, **OFF, repeat_penalty=0.8,
                   frequency_penalty=-0.5, presence_penalty=-1.0, history=REPEATING, repeat_last_n=-1)
        yield case("bias" + kind, 80, 33, coarse, seed=22, **OFF, bias=[(3, 6.5), (4, 6.25), (3, 1.0)])
        yield case("bias bans" + kind, 12, 34, coarse, seed=23, **OFF,
                   bias=[(i, None) for i in range(12) if i not in (2, 7)])
        yield case("bias bans all but one" + kind, 12, 35, coarse, seed=24,
                   bias=[(i, None) for i in range(12) if i != 5])
        yield case("bias and penalties" + kind, 100, 36, coarse, seed=25, **OFF, **PENALTIES,
                   bias=[(5, 9.0), (9, 8.0), (77, None)], history=REPEATING)
    yield case("one token", 1, 40, seed=26, **OFF)
    yield case("two tokens", 2, 41, seed=27, **{**OFF, "temperature": 20.0})
    yield case("a large seed", 1000, 42, seed=0x1FFFFFFFFFFFFF, **OFF)
    yield case("a large vocabulary", 50000, 43, seed=28, **{**OFF, "top_k": 100, "temperature": 4.0})
    yield case("a large vocabulary, top_p", 20000, 44, seed=29, **{**OFF, "top_p": 0.3, "temperature": 1.0})


def logprobs(n_vocab, logits_seed, coarse, k):
    logits = make_logits(n_vocab, logits_seed, coarse)
    p = softmax(logits)
    order = sorted(range(n_vocab), key=lambda i: (-logits[i], i))
    targets = [0, n_vocab // 2, n_vocab - 1]
    return dict(n_vocab=n_vocab, logits_seed=logits_seed, coarse=coarse, k=k,
                targets=[[t, math.log(p[t])] for t in targets],
                top=[[i, math.log(p[i])] for i in order[:k]])


def main():
    positions = [0, 1, 2, 0xFFFFFFFF, 0x100000000, 2**64 - 1]
    seeds = [0, 1, 42, 0x123456789ABCDEF0, 2**64 - 1]
    data = dict(
        random=[[f"{s:016x}", f"{p:016x}", f"{random_u64(s, p):016x}"] for s in seeds for p in positions],
        logprobs=[logprobs(1, 50, False, 5), logprobs(100, 51, True, 20), logprobs(49152, 52, False, 20),
                  logprobs(30, 53, True, 64)],
        cases=list(cases()))
    print("{")
    for n, (name, rows) in enumerate(data.items()):
        print(f' "{name}": [\n  ' + ",\n  ".join(json.dumps(r) for r in rows) + "\n ]" + ("," if n < 2 else ""))
    print("}")


main()
