fn columns8(i: u32) -> vec2u {
  return columns_in_order(i);
}

fn eight_of(row: u32, i: u32) -> Eight {
  let eight = row * (p.cols / 8u) + i;
  return Eight(mat2x4f(signed_bytes(w[2u * eight]), signed_bytes(w[2u * eight + 1u])),
               vec2f(half_at(p.plane_1, eight / 4u)), vec2f());
}
