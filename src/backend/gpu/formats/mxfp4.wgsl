const VALUES = vec4u(0x03020100u, 0x0c080604u, 0xfdfeff00u, 0xf4f8fafcu); // tensor/blocks.h
const OFFSETS = false;

fn blocks_of(u: u32) -> vec2u {
  return blocks_in_order(u);
}

fn unit_of(row: u32, u: u32) -> Unit {
  let block = row * (p.cols / 32u) + u;
  let q = w[block];
  // 2^(e - 128), and 0 for 2^-128, which a device may take for 0 as well.
  let scale = bitcast<f32>(byte_at(p.plane_1, block) << 23u) * 0.5;
  return Unit(looked_up(VALUES, low_nibbles(q)), looked_up(VALUES, high_nibbles(q)),
              vec2f(scale), vec2f());
}
