// Rows of the cache, as K_TYPE and V_TYPE keep them (kernels_attention.h): eight numbers at a time,
// i < eights() of a row, with zeros behind its end.
@group(0) @binding(3) var<storage, read> K: array<vec4u>;
@group(0) @binding(4) var<storage, read> V: array<vec4u>;

fn eights() -> u32 {
  return (p.head_dim + 7u) / 8u;
}

// The first word of the two blocks that four i of a row is in.
fn blocks_at(row: u32, i: u32) -> u32 {
  return 17u * (row * (p.head_dim / 64u) + i / 16u);
}

// Four i of the two blocks, from the word with its block's scale and the two words it may be in.
fn four_of_blocks(scale: u32, first: u32, second: u32, i: u32) -> vec4f {
  let in_second = i % 16u >= 8u;
  let word = select((first >> 16u) | (second << 16u), second, in_second);
  let halves = unpack2x16float(scale);
  let q = bitcast<vec4i>(vec4u(word) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u);
  return vec4f(q) * select(halves.x, halves.y, in_second);
}

fn halves4(low: u32, high: u32) -> vec4f {
  return vec4f(unpack2x16float(low), unpack2x16float(high));
}

fn key_word(at: u32) -> u32 {
  return K[at / 4u][at % 4u];
}

fn value_word(at: u32) -> u32 {
  return V[at / 4u][at % 4u];
}

fn key4(row: u32, i: u32) -> vec4f {
  let at = row * (p.head_dim / 4u) + i;
  if (K_TYPE == KV_F32) {
    return bitcast<vec4f>(K[at]);
  }
  if (K_TYPE == KV_F16) {
    return halves4(key_word(2u * at), key_word(2u * at + 1u));
  }
  let blocks = blocks_at(row, i);
  let word = blocks + i % 16u;
  return four_of_blocks(key_word(blocks + i % 16u / 8u * 8u), key_word(word), key_word(word + 1u),
                        i);
}

fn value4(row: u32, i: u32) -> vec4f {
  let at = row * (p.head_dim / 4u) + i;
  if (V_TYPE == KV_F32) {
    return bitcast<vec4f>(V[at]);
  }
  if (V_TYPE == KV_F16) {
    return halves4(value_word(2u * at), value_word(2u * at + 1u));
  }
  let blocks = blocks_at(row, i);
  let word = blocks + i % 16u;
  return four_of_blocks(value_word(blocks + i % 16u / 8u * 8u), value_word(word),
                        value_word(word + 1u), i);
}

fn key8(row: u32, i: u32) -> mat2x4f {
  if (K_TYPE == KV_F16 && p.head_dim % 8u == 0u) {
    let q = K[row * (p.head_dim / 8u) + i];
    return mat2x4f(halves4(q.x, q.y), halves4(q.z, q.w));
  }
  var eight = mat2x4f(key4(row, 2u * i), vec4f());
  if (8u * i + 4u < p.head_dim) {
    eight[1] = key4(row, 2u * i + 1u);
  }
  return eight;
}

fn value8(row: u32, i: u32) -> mat2x4f {
  if (V_TYPE == KV_F16 && p.head_dim % 8u == 0u) {
    let q = V[row * (p.head_dim / 8u) + i];
    return mat2x4f(halves4(q.x, q.y), halves4(q.z, q.w));
  }
  var eight = mat2x4f(value4(row, 2u * i), vec4f());
  if (8u * i + 4u < p.head_dim) {
    eight[1] = value4(row, 2u * i + 1u);
  }
  return eight;
}
