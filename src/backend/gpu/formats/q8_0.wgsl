fn columns8(i: u32) -> vec2u {
  return vec2u(8u * i, 8u * i + 4u);
}

fn weights8(row: u32, i: u32) -> mat2x4f {
  let eight = row * (p.cols / 8u) + i;
  return half_at(p.plane_1, eight / 4u) *
         mat2x4f(signed_bytes(w[2u * eight]), signed_bytes(w[2u * eight + 1u]));
}
