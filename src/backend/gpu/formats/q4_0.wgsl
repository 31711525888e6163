const OFFSETS = false;

fn blocks_of(u: u32) -> vec2u {
  return blocks_in_order(u);
}

fn unit_of(row: u32, u: u32) -> Unit {
  let block = row * (p.cols / 32u) + u;
  let q = w[block];
  let scale = half_at(p.plane_1, block);
  return Unit(less(low_nibbles(q), 8u), less(high_nibbles(q), 8u), vec2f(scale), vec2f());
}
