fn columns8(i: u32) -> vec2u {
  return vec2u(8u * i, 8u * i + 4u);
}

fn weights8(row: u32, i: u32) -> mat2x4f {
  let at = row * p.cols + 8u * i;
  return mat2x4f(bitcast<vec4f>(vec4u(w[at], w[at + 1u], w[at + 2u], w[at + 3u])),
                 bitcast<vec4f>(vec4u(w[at + 4u], w[at + 5u], w[at + 6u], w[at + 7u])));
}
