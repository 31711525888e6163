fn columns8(i: u32) -> vec2u {
  return vec2u(8u * i, 8u * i + 4u);
}

// The upper half of a float32.
fn pairs(first: u32, second: u32) -> vec4f {
  let words = vec4u(first, first, second, second);
  return bitcast<vec4f>((words << vec4u(16u, 0u, 16u, 0u)) & vec4u(0xffff0000u));
}

fn weights8(row: u32, i: u32) -> mat2x4f {
  let at = row * (p.cols / 2u) + 4u * i;
  return mat2x4f(pairs(w[at], w[at + 1u]), pairs(w[at + 2u], w[at + 3u]));
}
