const OFFSETS = true;

// Sixteen bytes have weights and those 32 columns on, behind the block's scales and 32 bytes of
// fifth bits.
fn blocks_of(u: u32) -> vec2u {
  let block = 4u * (u / 2u) + u % 2u;
  return vec2u(block, block + 2u);
}

fn unit_of(row: u32, u: u32) -> Unit {
  let at = 11u * (row * (p.cols / 256u) + u / 8u);
  let q = w[at + 3u + u % 8u];
  let fifths = w[at + 1u + u % 2u];
  let sub_block = 2u * (u / 2u % 4u);
  let scale = unpack2x16float(word(4u * at)); // and minimum
  let low = scale * k_scale(4u * at + 1u, sub_block);
  let high = scale * k_scale(4u * at + 1u, sub_block + 1u);
  return Unit(low_nibbles(q) | (bits_of(fifths, sub_block, 1u) << vec4u(4u)),
              high_nibbles(q) | (bits_of(fifths, sub_block + 1u, 1u) << vec4u(4u)),
              vec2f(low.x, high.x), -vec2f(low.y, high.y));
}
