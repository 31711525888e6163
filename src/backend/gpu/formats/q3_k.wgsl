// Half the bits of a word: four weights and those 32 columns on.
fn columns8(i: u32) -> vec2u {
  let column = 256u * (i / 32u) + 128u * (i / 8u % 2u) + 64u * (i / 16u % 2u) + 4u * (i % 8u);
  return vec2u(column, column + 32u);
}

// Of sub-block s, from the 12 bytes at word `at`.
fn sub_scale(at: u32, s: u32) -> f32 {
  let low = (byte_at(at, s % 8u) >> (4u * (s / 8u))) & 15u;
  let high = (byte_at(at, 8u + s % 4u) >> (2u * (s / 4u))) & 3u;
  return f32(low | (high << 4u)) - 32.0;
}

fn eight_of(row: u32, i: u32) -> Eight {
  let block = row * (p.cols / 256u) + i / 32u;
  let word = w[p.plane_1 + 16u * block + i % 16u];
  let first = 4u * (i / 16u % 2u);
  let column = columns8(i) % 256u;
  let thirds = w[8u * block + i % 8u];
  let low =
    bits_of_bytes(word, first, 3u) | (bits_of_bytes(thirds, column.x / 32u, 1u) << vec4u(2u));
  let high =
    bits_of_bytes(word, first + 2u, 3u) | (bits_of_bytes(thirds, column.y / 32u, 1u) << vec4u(2u));
  let scales_at = p.plane_2 + 3u * block;
  let scales = half_at(p.plane_3, block) *
               vec2f(sub_scale(scales_at, column.x / 16u), sub_scale(scales_at, column.y / 16u));
  return Eight(quants(low, high), scales, -4.0 * scales);
}
