const VALUES = vec4u(0xbfad9881u, 0xf6eaddcfu, 0x26190d01u, 0x71594535u); // tensor/blocks.h
const OFFSETS = false;

fn blocks_of(u: u32) -> vec2u {
  return blocks_in_order(u);
}

fn unit_of(row: u32, u: u32) -> Unit {
  let block = row * (p.cols / 32u) + u;
  let q = w[block];
  return Unit(looked_up(VALUES, low_nibbles(q)), looked_up(VALUES, high_nibbles(q)),
              vec2f(half_at(p.plane_1, block)), vec2f());
}
