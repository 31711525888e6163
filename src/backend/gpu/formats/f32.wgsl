fn columns8(i: u32) -> vec2u {
  return columns_in_order(i);
}

fn four_at(at: u32) -> vec4f {
  return bitcast<vec4f>(vec4u(w[at], w[at + 1u], w[at + 2u], w[at + 3u]));
}

fn eight_of(row: u32, i: u32) -> Eight {
  let at = row * p.cols + columns8(i);
  return Eight(mat2x4f(four_at(at.x), four_at(at.y)), present(i), vec2f());
}
