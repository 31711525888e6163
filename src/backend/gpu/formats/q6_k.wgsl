// A word: the low bits of four weights and of those 64 columns on.
fn columns8(i: u32) -> vec2u {
  let column = 128u * (i / 16u) + 4u * (i % 16u);
  return vec2u(column, column + 64u);
}

// Of sub-block s, from the 16 bytes at word `at`.
fn sub_scale(at: u32, s: u32) -> f32 {
  return f32(bitcast<i32>(w[at + s / 4u] << (24u - 8u * (s % 4u))) >> 24u);
}

fn eight_of(row: u32, i: u32) -> Eight {
  let block = row * (p.cols / 256u) + i / 32u;
  let word = w[32u * block + i % 32u];
  let tops = w[p.plane_1 + 16u * block + 8u * (i / 16u % 2u) + i % 8u];
  let first = 2u * (i / 8u % 2u);
  let low = bits_of_bytes(word, 0u, 15u) | (bits_of_bytes(tops, first, 3u) << vec4u(4u));
  let high = bits_of_bytes(word, 4u, 15u) | (bits_of_bytes(tops, first + 4u, 3u) << vec4u(4u));
  let sub_block = columns8(i).x / 16u % 16u;
  let scales_at = p.plane_2 + 4u * block;
  let scales = half_at(p.plane_3, block) *
               vec2f(sub_scale(scales_at, sub_block), sub_scale(scales_at, sub_block + 4u));
  return Eight(quants(low, high), scales, -32.0 * scales);
}
