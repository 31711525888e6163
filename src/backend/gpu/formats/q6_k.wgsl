const OFFSETS = false;

// Sixteen bytes have the low bits of weights and of those 64 columns on.
fn blocks_of(u: u32) -> vec2u {
  let block = 8u * (u / 4u) + u % 4u;
  return vec2u(block, block + 4u);
}

// Of sub-block s, from the 16 bytes at word `at`.
fn sub_scale(at: u32, s: u32) -> f32 {
  return f32(bitcast<i32>(word(at + s / 4u) << (24u - 8u * (s % 4u))) >> 24u);
}

fn unit_of(row: u32, u: u32) -> Unit {
  let block = row * (p.cols / 256u) + u / 8u;
  let q = w[8u * block + u % 8u];
  let tops = w[p.plane_1 / 4u + 4u * block + 2u * (u / 4u % 2u) + u % 2u];
  let first = 2u * (u / 2u % 2u);
  let sub_block = blocks_of(u).x % 16u;
  let scales_at = p.plane_2 + 4u * block;
  let scales = half_at(p.plane_3, block) *
               vec2f(sub_scale(scales_at, sub_block), sub_scale(scales_at, sub_block + 4u));
  return Unit(less(low_nibbles(q) | (bits_of(tops, first, 3u) << vec4u(4u)), 32u),
              less(high_nibbles(q) | (bits_of(tops, first + 4u, 3u) << vec4u(4u)), 32u), scales,
              vec2f());
}
