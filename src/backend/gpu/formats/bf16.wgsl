fn columns8(i: u32) -> vec2u {
  return columns_in_order(i);
}

// Each is the upper half of a float32.
fn four_at(at: u32) -> vec4f {
  let words = vec4u(w[at], w[at], w[at + 1u], w[at + 1u]);
  return bitcast<vec4f>((words << vec4u(16u, 0u, 16u, 0u)) & vec4u(0xffff0000u));
}

fn eight_of(row: u32, i: u32) -> Eight {
  let at = (row * p.cols + columns8(i)) / 2u;
  return Eight(mat2x4f(four_at(at.x), four_at(at.y)), present(i), vec2f());
}
