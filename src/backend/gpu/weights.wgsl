// Weights (kernels_matrix.h), which kernels bind as `w`, an array<vec4u>. Behind this come
// quants.wgsl or floats.wgsl with a file of formats/, which give
//   blocks_of(u): which blocks of 16 columns the 32 weights u of a row are
//   eight_of(row, i): of a row of the binding the weights at columns8(i), zeros behind its end

fn word(at: u32) -> u32 {
  return w[at / 4u][at % 4u];
}

fn signed_bytes(word: u32) -> vec4f {
  return vec4f(bitcast<vec4i>(vec4u(word) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u));
}

// Of 32 weights each.
fn units() -> u32 {
  return (p.cols + 31u) / 32u;
}

fn eights() -> u32 {
  return 4u * units();
}

// Where the two fours of eight i < eights() begin; behind a row's end where there are none.
fn columns8(i: u32) -> vec2u {
  return 16u * blocks_of(i / 4u) + 4u * (i % 4u);
}
