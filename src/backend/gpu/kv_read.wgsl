// Four numbers of a row of the cache, as K_TYPE and V_TYPE keep them (kernels_attention.h).
@group(0) @binding(3) var<storage, read> K: array<u32>;
@group(0) @binding(4) var<storage, read> V: array<u32>;

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

fn key4(row: u32, i: u32) -> vec4f {
  let at = row * (p.head_dim / 4u) + i;
  if (K_TYPE == KV_F32) {
    return bitcast<vec4f>(vec4u(K[4u * at], K[4u * at + 1u], K[4u * at + 2u], K[4u * at + 3u]));
  }
  if (K_TYPE == KV_F16) {
    return vec4f(unpack2x16float(K[2u * at]), unpack2x16float(K[2u * at + 1u]));
  }
  let blocks = blocks_at(row, i);
  let word = blocks + i % 16u;
  return four_of_blocks(K[blocks + i % 16u / 8u * 8u], K[word], K[word + 1u], i);
}

fn value4(row: u32, i: u32) -> vec4f {
  let at = row * (p.head_dim / 4u) + i;
  if (V_TYPE == KV_F32) {
    return bitcast<vec4f>(vec4u(V[4u * at], V[4u * at + 1u], V[4u * at + 2u], V[4u * at + 3u]));
  }
  if (V_TYPE == KV_F16) {
    return vec4f(unpack2x16float(V[2u * at]), unpack2x16float(V[2u * at + 1u]));
  }
  let blocks = blocks_at(row, i);
  let word = blocks + i % 16u;
  return four_of_blocks(V[blocks + i % 16u / 8u * 8u], V[word], V[word + 1u], i);
}
