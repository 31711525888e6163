// Weights (kernels_matrix.h), and what formats/ share. A file of formats/ has
//   columns8(i): the columns of the eight weights i of a row, i < eights(): four from each of two
//   eight_of(row, i): these, of a row of the binding
// Where cols is an odd multiple of 4, the last eight is four weights, and as many zeros at columns
// that are there.
@group(0) @binding(2) var<storage, read> w: array<u32>;

// Weights q * scale + offset, with a scale and an offset for each four.
struct Eight {
  q: mat2x4f,
  scale: vec2f,
  offset: vec2f,
}

fn eights() -> u32 {
  return (p.cols + 7u) / 8u;
}

// columns8, and the scales: 0 for what is not there, for types whose columns are in order.
fn columns_in_order(i: u32) -> vec2u {
  return vec2u(8u * i, min(8u * i + 4u, p.cols - 4u));
}

fn present(i: u32) -> vec2f {
  return vec2f(1.0, select(0.0, 1.0, 8u * i + 8u <= p.cols));
}

const BYTES = vec4u(0u, 8u, 16u, 24u);

// Of each byte the bits of `mask` from bit `first` on.
fn bits_of_bytes(word: u32, first: u32, mask: u32) -> vec4u {
  return (vec4u(word) >> (BYTES + first)) & vec4u(mask);
}

// Small whole numbers as floats: signed ones need fewer instructions.
fn quants(low: vec4u, high: vec4u) -> mat2x4f {
  return mat2x4f(vec4f(vec4i(low)), vec4f(vec4i(high)));
}

fn signed_bytes(word: u32) -> vec4f {
  return vec4f(bitcast<vec4i>(vec4u(word) << (24u - BYTES)) >> vec4u(24u));
}

// Byte n, and float16 n, from word `at` on.
fn byte_at(at: u32, n: u32) -> u32 {
  return (w[at + n / 4u] >> (8u * (n % 4u))) & 255u;
}

fn half_at(at: u32, n: u32) -> f32 {
  return unpack2x16float(w[at + n / 2u] >> (16u * (n % 2u))).x;
}

// One of 16 signed bytes.
fn value_in(table: vec4u, index: u32) -> f32 {
  return f32(bitcast<i32>(table[index / 4u] << (24u - 8u * (index % 4u))) >> 24u);
}

fn values_in(table: vec4u, i: vec4u) -> vec4f {
  return vec4f(value_in(table, i.x), value_in(table, i.y), value_in(table, i.z),
               value_in(table, i.w));
}

// Scale and minimum of sub-block b of Q4_K and Q5_K, from words at `at` (tensor/blocks_k.h).
fn k_scale(at: u32, b: u32) -> vec2f {
  let first = 8u * (b % 4u);
  let low = vec2u(w[at], w[at + 1u]) >> vec2u(first);
  let high = vec2u(w[at + 2u]) >> vec2u(first, first + 4u);
  return vec2f(select((high & vec2u(15u)) | ((low >> vec2u(2u)) & vec2u(48u)), low & vec2u(63u),
                      b < 4u));
}

fn weights8(row: u32, i: u32) -> mat2x4f {
  let e = eight_of(row, i);
  return mat2x4f(e.q[0] * e.scale.x + e.offset.x, e.q[1] * e.scale.y + e.offset.y);
}

// The product of a row's eight i with x at its columns, whose sums of four are given.
fn dot8(row: u32, i: u32, x: mat2x4f, sums: vec2f) -> f32 {
  let e = eight_of(row, i);
  return dot(e.scale, vec2f(dot(e.q[0], x[0]), dot(e.q[1], x[1]))) + dot(e.offset, sums);
}
