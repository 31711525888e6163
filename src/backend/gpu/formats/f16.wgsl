fn columns8(i: u32) -> vec2u {
  return columns_in_order(i);
}

fn four_at(at: u32) -> vec4f {
  return vec4f(unpack2x16float(w[at]), unpack2x16float(w[at + 1u]));
}

fn eight_of(row: u32, i: u32) -> Eight {
  let at = (row * p.cols + columns8(i)) / 2u;
  return Eight(mat2x4f(four_at(at.x), four_at(at.y)), present(i), vec2f());
}
