const OFFSETS = false;

fn blocks_of(u: u32) -> vec2u {
  return blocks_in_order(u);
}

fn unit_of(row: u32, u: u32) -> Unit {
  let block = row * (p.cols / 32u) + u;
  let scale = vec2f(half_at(p.plane_1, block));
  return Unit(w[2u * block], w[2u * block + 1u], scale, vec2f());
}
