const OFFSETS = true;

fn blocks_of(u: u32) -> vec2u {
  return blocks_in_order(u);
}

fn unit_of(row: u32, u: u32) -> Unit {
  let block = row * (p.cols / 32u) + u;
  let q = w[block];
  let scale = unpack2x16float(word(p.plane_1 + block)); // and minimum
  return Unit(low_nibbles(q), high_nibbles(q), scale.xx, scale.yy);
}
