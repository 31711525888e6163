// Weights that are floats, a multiple of 4 in a row. A file of formats/ has
//   four_at(at): those from number `at` of the binding on, which is a multiple of 4

fn blocks_of(u: u32) -> vec2u {
  return vec2u(2u * u, 2u * u + 1u);
}

fn four_of(row: u32, column: u32) -> vec4f {
  if (column >= p.cols) {
    return vec4f();
  }
  return four_at(row * p.cols + column);
}

fn eight_of(row: u32, i: u32) -> mat2x4f {
  let columns = columns8(i);
  return mat2x4f(four_of(row, columns.x), four_of(row, columns.y));
}
