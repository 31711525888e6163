// Quantised weights, a multiple of 32 in a row. A file of formats/ has blocks_of, and
// unit_of(row, u): weights u of a row of the binding; and OFFSETS, whether any offset is not 0.

// Weights q * scale + offset: q is 16 signed bytes of a block of columns, and of another one.
struct Unit {
  low: vec4u,
  high: vec4u,
  scale: vec2f,
  offset: vec2f,
}

fn blocks_in_order(u: u32) -> vec2u {
  return vec2u(2u * u, 2u * u + 1u);
}

fn low_nibbles(q: vec4u) -> vec4u {
  return q & vec4u(0x0f0f0f0fu);
}

fn high_nibbles(q: vec4u) -> vec4u {
  return (q >> vec4u(4u)) & vec4u(0x0f0f0f0fu);
}

// Of each byte the bits `mask` from bit `first` on.
fn bits_of(q: vec4u, first: u32, mask: u32) -> vec4u {
  return (q >> vec4u(first)) & vec4u(mask * 0x01010101u);
}

// Bytes below 128, less n <= 128.
fn less(q: vec4u, n: u32) -> vec4u {
  return ((q | vec4u(0x80808080u)) - vec4u(n * 0x01010101u)) ^ vec4u(0x80808080u);
}

// Sixteen bits as the lowest bits of as many bytes.
fn spread(bits: u32) -> vec4u {
  let fours = (vec4u(bits) >> vec4u(0u, 4u, 8u, 12u)) & vec4u(15u);
  return (fours * vec4u(0x00204081u)) & vec4u(0x01010101u);
}

// Byte n, and float16 n, from word `at` on.
fn byte_at(at: u32, n: u32) -> u32 {
  return (word(at + n / 4u) >> (8u * (n % 4u))) & 255u;
}

fn half_at(at: u32, n: u32) -> f32 {
  return unpack2x16float(word(at + n / 2u) >> (16u * (n % 2u))).x;
}

// Nibbles as what a table of 16 bytes has for them.
fn looked_up(table: vec4u, nibbles: vec4u) -> vec4u {
  var bytes = vec4u();
  for (var i = 0u; i < 32u; i += 8u) {
    let index = (nibbles >> vec4u(i)) & vec4u(15u);
    let words = vec4u(table[index.x / 4u], table[index.y / 4u], table[index.z / 4u],
                      table[index.w / 4u]);
    bytes |= ((words >> (vec4u(8u) * (index % vec4u(4u)))) & vec4u(255u)) << vec4u(i);
  }
  return bytes;
}

// Scale and minimum of sub-block b of Q4_K and Q5_K, from words at `at` (tensor/blocks_k.h).
fn k_scale(at: u32, b: u32) -> vec2f {
  let first = 8u * (b % 4u);
  let low = vec2u(word(at), word(at + 1u)) >> vec2u(first);
  let high = vec2u(word(at + 2u)) >> vec2u(first, first + 4u);
  return vec2f(select((high & vec2u(15u)) | ((low >> vec2u(2u)) & vec2u(48u)), low & vec2u(63u),
                      b < 4u));
}

fn eight_of(row: u32, i: u32) -> mat2x4f {
  let unit = unit_of(row, i / 4u);
  return mat2x4f(signed_bytes(unit.low[i % 4u]) * unit.scale.x + unit.offset.x,
                 signed_bytes(unit.high[i % 4u]) * unit.scale.y + unit.offset.y);
}
