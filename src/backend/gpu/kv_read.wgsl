// Four numbers of a row of the cache, as K_TYPE and V_TYPE keep them (kernels.h).
@group(0) @binding(3) var<storage, read> K: array<u32>;
@group(0) @binding(4) var<storage, read> V: array<u32>;

fn signed_bytes(word: u32) -> vec4f {
  return vec4f(bitcast<vec4i>(vec4u(word) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u));
}

// Where the scale of four i of a row is.
fn scale_at(row: u32, i: u32) -> u32 {
  return p.n_pages * p.n_head_kv * 8u * p.head_dim + row * (p.head_dim / 32u) + i / 8u;
}

fn key4(row: u32, i: u32) -> vec4f {
  let at = row * (p.head_dim / 4u) + i;
  if (K_TYPE == KV_F32) {
    return bitcast<vec4f>(vec4u(K[4u * at], K[4u * at + 1u], K[4u * at + 2u], K[4u * at + 3u]));
  }
  if (K_TYPE == KV_F16) {
    return vec4f(unpack2x16float(K[2u * at]), unpack2x16float(K[2u * at + 1u]));
  }
  return signed_bytes(K[at]) * bitcast<f32>(K[scale_at(row, i)]);
}

fn value4(row: u32, i: u32) -> vec4f {
  let at = row * (p.head_dim / 4u) + i;
  if (V_TYPE == KV_F32) {
    return bitcast<vec4f>(vec4u(V[4u * at], V[4u * at + 1u], V[4u * at + 2u], V[4u * at + 3u]));
  }
  if (V_TYPE == KV_F16) {
    return vec4f(unpack2x16float(V[2u * at]), unpack2x16float(V[2u * at + 1u]));
  }
  return signed_bytes(V[at]) * bitcast<f32>(V[scale_at(row, i)]);
}
