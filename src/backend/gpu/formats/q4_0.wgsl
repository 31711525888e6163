fn blocks_of(u: u32) -> vec2u {
  return blocks_in_order(u);
}

fn unit_of(row: u32, u: u32) -> Unit {
  let block = row * (p.cols / 32u) + u;
  let q = w[block];
  let scale = half_at(p.plane_1, block);
  return Unit(low_nibbles(q), high_nibbles(q), vec2f(scale), vec2f(-8.0 * scale));
}
