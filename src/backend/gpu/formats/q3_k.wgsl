const OFFSETS = false;

// Sixteen bytes have bits of weights and of those 32 columns on, and of another unit.
fn blocks_of(u: u32) -> vec2u {
  let block = 16u * (u / 8u) + 8u * (u / 2u % 2u) + 4u * (u / 4u % 2u) + u % 2u;
  return vec2u(block, block + 2u);
}

// Of sub-block s, from the 12 bytes at word `at`.
fn sub_scale(at: u32, s: u32) -> f32 {
  let low = (byte_at(at, s % 8u) >> (4u * (s / 8u))) & 15u;
  let high = (byte_at(at, 8u + s % 4u) >> (2u * (s / 4u))) & 3u;
  return f32(low | (high << 4u)) - 32.0;
}

fn unit_of(row: u32, u: u32) -> Unit {
  let block = row * (p.cols / 256u) + u / 8u;
  let q = w[p.plane_1 / 4u + 4u * block + u % 4u];
  let thirds = w[2u * block + u % 2u];
  let first = 4u * (u / 4u % 2u);
  let sub_block = blocks_of(u) % 16u;
  let low = bits_of(q, first, 3u) | (bits_of(thirds, sub_block.x / 2u, 1u) << vec4u(2u));
  let high = bits_of(q, first + 2u, 3u) | (bits_of(thirds, sub_block.y / 2u, 1u) << vec4u(2u));
  let scales_at = p.plane_2 + 3u * block;
  let scales = half_at(p.plane_3, block) *
               vec2f(sub_scale(scales_at, sub_block.x), sub_scale(scales_at, sub_block.y));
  return Unit(less(low, 4u), less(high, 4u), scales, vec2f());
}
