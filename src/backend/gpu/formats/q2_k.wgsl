const OFFSETS = true;

// Sixteen bytes have the bits of weights and of those 32 columns on, and of another unit. Words 4
// to 19 of a block have them.
fn blocks_of(u: u32) -> vec2u {
  let block = 16u * (u / 8u) + 8u * (u / 2u % 2u) + 4u * (u / 4u % 2u) + u % 2u;
  return vec2u(block, block + 2u);
}

fn unit_of(row: u32, u: u32) -> Unit {
  let at = 21u * (row * (p.cols / 256u) + u / 8u);
  let q_at = at + 4u + 4u * (u % 4u);
  let q = vec4u(word(q_at), word(q_at + 1u), word(q_at + 2u), word(q_at + 3u));
  let first = 4u * (u / 4u % 2u);
  let sub_block = blocks_of(u) % 16u;
  let scale = unpack2x16float(word(at + 20u)); // and minimum
  let scales = vec2u(byte_at(at, sub_block.x), byte_at(at, sub_block.y));
  return Unit(bits_of(q, first, 3u), bits_of(q, first + 2u, 3u),
              scale.x * vec2f(scales & vec2u(15u)), -scale.y * vec2f(scales >> vec2u(4u)));
}
