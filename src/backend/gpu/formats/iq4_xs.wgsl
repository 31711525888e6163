// Words 2 to 33 of a block have the weights.
const VALUES = vec4u(0xbfad9881u, 0xf6eaddcfu, 0x26190d01u, 0x71594535u); // tensor/blocks.h
const OFFSETS = false;

fn blocks_of(u: u32) -> vec2u {
  return blocks_in_order(u);
}

fn unit_of(row: u32, u: u32) -> Unit {
  let at = 34u * (row * (p.cols / 256u) + u / 8u);
  let sub_block = u % 8u;
  let q_at = at + 2u + 4u * sub_block;
  let q = vec4u(word(q_at), word(q_at + 1u), word(q_at + 2u), word(q_at + 3u));
  let low = (word(at + 1u) >> (4u * sub_block)) & 15u;
  let high = (word(at) >> (16u + 2u * sub_block)) & 3u;
  let scale = unpack2x16float(word(at)).x * (f32(low | (high << 4u)) - 32.0);
  return Unit(looked_up(VALUES, low_nibbles(q)), looked_up(VALUES, high_nibbles(q)),
              vec2f(scale), vec2f());
}
