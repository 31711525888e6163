// GPUs that compute wrongly: every kernel is spoilt in two ways or more, one at a time, and the
// test that loading makes has to see it and to name an operation. That test runs in small and does
// not see all: of large dispatches what lies behind the first workgroup's share, attention behind
// 128 positions, KV heads and layer groups behind the first, states, splits, what is not finite.
// Those are the subject of the kernels' own tests and of families.test.js.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openTestGpu } from './device.js'
import { pathOf, wideHeads } from './lib/engines.js'
import { loadHere, parts } from './lib/in-thread.js'

/** By model and kernel: what becomes of its text. */
const spoils = {
  'tiny-q8_0': {
    embed: [
      ['row = token_of(t)', 'row = t'],
      ['columns.y) / 4u] = eight[1]', 'columns.y) / 4u] = eight[0]'],
      ['columns.y / 4u, eight[1]', 'columns.y / 4u, eight[0]'],
    ],
    weights: [
      ['4u * (i % 4u)', '4u * (i % 2u)'],
      ['(p.cols + 31u) / 32u', '(p.cols + 31u) / 32u - 1u'],
    ],
    quants: [['unit.high[i % 4u]', 'unit.low[i % 4u]']],
    floats: [['row * p.cols + column', 'column']],
    'formats/q8_0': [
      ['half_at(p.plane_1, block)', 'half_at(p.plane_1, block / 2u)'],
      ['w[2u * block + 1u]', 'w[2u * block]'],
    ],
    places: [['(b % 2u) * (n / 2u)', '0u * (n / 2u)']],
    pack: [
      ['y *= norm[four]', 'y += norm[four]'],
      ['pack_tops[first + 3u]', 'pack_tops[first]'],
      ['dot(x, x)', 'dot(y, y)'],
      ['(q + vec4i(128)) >>', 'q >>'],
      ['select(top / MOST, 0.0, is_zero)', 'top'],
    ],
    activations: [
      ['infos[0].x, infos[1].x', 'infos[0].x, infos[0].x'],
      ['infos[0].z + infos[1].z', 'infos[0].z'],
      ['x[at.x + n], x[at.y + n]', 'x[at.x + n], x[at.x + n]'],
      ['vec2u(3u * n * t)', 'vec2u(0u * n * t)'],
      ['+ p.eps', '+ 1.0'],
    ],
    dot_packed: [['dot4I8Packed(a, b)', 'dot4I8Packed(a, a)']],
    dot_quants: [
      ['256 * dot_16(w.high', '255 * dot_16(w.high'],
      ['+ dot_16(w.low, x.low[0])', ''],
    ],
    dot_floats: [['x.low[i / 4u]', 'x.low[0]']],
    team_subgroup: [
      ['subgroupAdd(x)', 'x'],
      ['sum += team_4[first + i]', 'sum += team_4[first]'],
    ],
    matvec: [
      ['let t = COLUMNS * group.z', 'let t = 0u * group.z'],
      ['column < COLUMNS && ', 'column < COLUMNS && which == 0u && '],
      ['y += residual[at]', 'y -= residual[at]'],
      ['y *= p.scale', 'y *= 2.0 * p.scale'],
      ['2u * (lane / TEAM) + which]', '2u * (lane / TEAM)]'],
      ['x_of(t + c', 'x_of(t'],
      ['4u * block + lane % 4u', '4u * block'],
    ],
    matvec_glu: [
      ['p.n_rows + rows.x', 'rows.x'],
      ['if (c == column)', 'if (c == 0u)'],
      ['p.kind == SILU_MUL', 'p.kind != SILU_MUL'],
      ['p.kind == SILU_MUL) * up', 'p.kind == SILU_MUL) + up'],
      ['4u * block + lane % 4u', '4u * block'],
    ],
    matmul: [
      ['sums_3 += weights * values.w', 'sums_3 += weights * values.z'],
      ['k < COLUMNS', 'k < COLUMNS - 1u'],
    ],
    matmul_packed: [
      ['unit.scale.y, unit.offset.y', '2.0 * unit.scale.y, unit.offset.y'],
      ['bytes_w[ROWS + at] = unit.high', 'bytes_w[ROWS + at] = unit.low'],
      ['low = x[first + n]', 'low = x[first]'],
      ['blocks_of(u)[at / ROWS]', 'blocks_of(u).x'],
      ['APART * i + own_x', 'APART * i'],
    ],
    matmul_rows: [['bias[p.bias_at + row], p.has_bias != 0u', '1.0, p.has_bias == 0u']],
    dot_16: [['dot_bytes(q.w, bytes.w)', 'dot_bytes(q.w, bytes.z)']],
    reduce_subgroup: [
      ['subgroupAdd(x)', 'x'],
      ['most = max(most, reduce_1[i])', 'most = min(most, reduce_1[i]) + 1e3'],
    ],
    rms_norm: [
      ['+ p.eps', '+ 1.0'],
      ['* weight[i]', ''],
    ],
    rope: [['out[at.y] = y.y', 'out[at.y] = y.x']],
    rotation: [
      ['x.x * cosine - x.y * sine', 'x.x * cosine + x.y * sine'],
      ['batch[at + 1u]', 'batch[at]'],
    ],
    kv_convert: [
      ['magnitude + 0xfffu', 'magnitude + 0x3000000u'],
      ['(half_bits(x.w) << 16u)', '(half_bits(x.z) << 16u)'],
    ],
    kv_write: [['k[(t * p.n_head_kv + head)', 'k[0u * (t * p.n_head_kv + head)']],
    kv_store: [
      ['K[2u * at + 1u] = words.y', 'K[2u * at + 1u] = words.x'],
      ['* 32u + position % 32u', '* 32u + position % 16u'],
    ],
    heads: [
      ['numbers[at.y] = y.y', 'numbers[at.y] = y.x'],
      ['numbers[4u * i + 3u]', 'numbers[4u * i + 2u]'],
      ['p.n_head + p.n_head_kv + head', 'p.n_head + head'],
      ['is_key = group.y >= p.n_head', 'is_key = group.y > p.n_head'],
    ],
    kv_read: [
      ['halves4(q.x, q.y), halves4(q.z, q.w)', 'halves4(q.x, q.y), halves4(q.x, q.y)'],
      ['let q = V[row * (p.head_dim / 8u) + i]', 'let q = V[row * (p.head_dim / 8u)]'],
    ],
    scores: [
      ['score *= p.scale', 'score *= 2.0 * p.scale'],
      ['position_of(t) + 1u', 'position_of(t)'],
      ['+ dot(x[1], key[1])', ''],
      ['parts[i * SHARES + j]', 'parts[i * SHARES]'],
    ],
    attend: [
      ['all += parts[i * dim + d]', 'all -= parts[i * dim + d]'],
      ['select(0.0, exp_of(score - highest)', 'select(1.0, exp_of(score - highest)'],
      ['* 32u + position % 32u', '* 32u + position % 16u'],
    ],
    attention: [
      ['all.sum / all.total', 'all.sum'],
      ['let four = head * fours + lane', 'let four = lane'],
    ],
    attention_part: [
      ['min(begin + 32u * pages, range.y)', 'begin + 1u'],
      ['vec4f(part.most, part.total', 'vec4f(part.most, 2.0 * part.total'],
    ],
    attention_merge: [
      ['group.x * fours + lane, own', 'lane, own'],
      ['return sum / total', 'return sum'],
      ['total += score_and_total.y * weight', 'total += weight'],
    ],
    batch: [
      ['batch[batch[BATCH_TOKENS_AT] + t]', 'batch[batch[BATCH_TOKENS_AT]]'],
      ['position / 32u', '0u * position'],
    ],
    math: [
      ['1.0 + exp_of(-x)', '1.0 + exp_of(x)'],
      ['select(exp(x), 1e37, x > 85.0)', 'select(1.0 + x, 1e37, x > 85.0)'],
    ],
    binary: [
      ['value + b[at]', 'value - b[at]'],
      ['value * sigmoid(value) * b[at]', 'value * b[at]'],
    ],
    take_outputs: [
      ['x[output_token(group.y) * fours + four]', 'x[four]'],
      ['fours + four] = own', 'fours + four] = 0.5 * own'],
    ],
    float_keys: [
      ['bits | 0x80000000u, ~bits', 'bits | 0x80000000u, bits'],
      ['~key, key & 0x7fffffffu', '~key, key'],
    ],
    top_sort: [
      ['key.x < key.y', 'key.x > key.y'],
      ['ids[second] = id.x', 'ids[second] = id.y'],
    ],
    top_chunk: [
      ['-44.0', '-1.0'],
      ['ids[i] = id;', 'ids[i] = i;'],
      ['i < TOP_BEST', 'i < TOP_BEST / 2u'],
    ],
    top_merge: [
      ['first + i / TOP_BEST < p.n_in', 'first + i / TOP_BEST < 1u'],
      ['vec2u(ids[i], bits_of(keys[i]))', 'vec2u(ids[i], bits_of(keys[0]))'],
      ['* TOP_BEST + i]', '* TOP_BEST]'],
    ],
    named: [
      ['bits = x[', 'bits = 0u * x['],
      ['let id = ids[at]', 'let id = ids[at] + 1u'],
    ],
  },
  'family-gemma2': {
    unary: [
      ['x[at] * p.value', 'x[at]'],
      ['tanh_of(x[at] / p.value)', 'tanh_of(x[at])'],
    ],
    math: [
      ['0.0713548163', '0.1713548163'],
      ['let small = q * z * a + a', 'let small = q * z * a'],
    ],
    scores: [['end - p.window', 'end - p.window + 1u']],
    norm_add: [
      ['+ residual[at + i]', ''],
      ['* weight[i]', ''],
    ],
  },
  'family-mixtral': {
    route: [
      ['keys[other] > keys[e]', 'keys[other] < keys[e]'],
      ['chosen[i] / total', 'chosen[i]'],
    ],
    matmul_experts: [
      ['expert * p.dim', 'expert * 2u * p.dim'],
      ['select(i, t, p.per_token != 0u)', 'select(i, i, p.per_token != 0u)'],
    ],
    products: [['products += vec4f', 'products -= vec4f']],
    reduce_subgroup: [['sum += reduce_4[i]', 'sum += reduce_4[0]']],
    combine: [
      ['(2u * t + 1u) * p.n_used', '(2u * t) * p.n_used'],
      ['(t * p.n_used + e) * p.dim', '(t * p.n_used) * p.dim'],
    ],
  },
  'family-lfm2': {
    pack_rows: [['own = x[t * (p.dim / 4u) + four]', 'own = x[four]']],
    short_conv: [
      ['p.n_taps - 1u - j, c);\n}\nout', 'j, c);\n}\nout'],
      ['taps[c * p.n_taps + j]', 'taps[c * p.n_taps]'],
    ],
    binary: [['value * b[at];\n}\ncase S', 'value + b[at];\n}\ncase S']],
  },
  'family-qwen2moe': { binary: [['sigmoid(b[group.y])', 'sigmoid(b[0])']] },
  'embed-bert-mean': {
    layer_norm: [
      ['squares += d * d', 'squares += x[at + i] * x[at + i]'],
      ['+ bias[i]', '- bias[i]'],
    ],
    l2_norm: [
      ['sqrt(squares)', 'squares'],
      ['* r;', '+ r;'],
    ],
    pool: [
      ['part += x', 'part = x'],
      ['select(text_end, text_first,', 'select(text_first, text_first,'],
    ],
    batch: [['SEQUENCE_WORDS * sequence', '0u * sequence']],
    math: [['q * t - 0x1.80e644p-3', 'q * t + 0x1.80e644p-3']],
    scores: [['if (p.causal == 0u)', 'if (false)']],
  },
}

const saysSo = (error) => {
  assert.equal(error.code, 'gpu_unavailable', error.message)
  assert.match(error.message, /computes wrongly: the (result of \w+|best logits)/)
  return true
}

/** The text with every `from` as `to`. */
function spoil(name, from, to) {
  assert.ok(parts[name].includes(from), `${name} has no ${from}`)
  return { [name]: parts[name].replaceAll(from, to) }
}

const isRefused = (path, own, options = {}, gpu = {}) =>
  assert.rejects(
    loadHere(path, openTestGpu(gpu), { ...options, parts: own }).then(({ end }) => end()),
    saysSo,
  )

describe('a kernel that is spoilt is found out', { concurrency: 2 }, () => {
  for (const [model, kernels] of Object.entries(spoils))
    for (const [name, changes] of Object.entries(kernels))
      for (const [from, to] of changes)
        test(`${model}, ${name}: ${from} → ${to}`, () =>
          isRefused(pathOf(model), spoil(name, from, to)))

  for (const [without, name, from, to] of [
    ['subgroups', 'reduce_shared', 'part += reduce_1[i]', 'part -= reduce_1[i]'],
    ['subgroups', 'team_shared', 'part += team_4[i]', 'part -= team_4[i]'],
    ['packed_4x8_integer_dot_product', 'dot_plain', 'of_b = bitcast', 'of_b = -bitcast'],
  ])
    test(`without ${without}, ${name}: ${from} → ${to}`, () =>
      isRefused(pathOf('tiny-q8_0'), spoil(name, from, to), {}, { without: [without] }))

  const wide = wideHeads('llama')
  for (const [cache, name, from, to] of [
    ['f32', 'kv_store', 'V[4u * at + 3u] = words.w', 'V[4u * at + 3u] = words.z'],
    ['f32', 'kv_read', 'bitcast<vec4f>(K[at])', 'bitcast<vec4f>(K[0])'],
    ['q8_0', 'kv_store', 'most / 127.0', 'most / 200.0'],
    ['q8_0', 'kv_store', 'word > 8u', 'word > 9u'],
    ['q8_0', 'kv_read', 'select(halves.x, halves.y, in_second)', 'halves.x'],
    ['q8_0', 'kv_convert', 'vec4f(-127.0)', 'vec4f(0.0)'],
  ])
    test(`a cache in ${cache}, ${name}: ${from} → ${to}`, () =>
      isRefused(wide, spoil(name, from, to), { cache }))
})
