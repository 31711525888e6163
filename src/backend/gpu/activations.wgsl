// Packed activations (kernels_matrix.h): those of the columns of 32 weights.
struct Activations {
  high: array<vec4u, 2>,
  low: array<vec4u, 2>,
  scale: vec2f,
  sum: vec2f,
  squares: f32,
}

// Two blocks of row t.
fn x_of(t: u32, blocks: vec2u) -> Activations {
  let n = 2u * units();
  let at = vec2u(3u * n * t) + place_of(blocks, n);
  let infos = mat2x4f(bitcast<vec4f>(x[at.x + 2u * n]), bitcast<vec4f>(x[at.y + 2u * n]));
  return Activations(array(x[at.x], x[at.y]), array(x[at.x + n], x[at.y + n]),
                     vec2f(infos[0].x, infos[1].x), vec2f(infos[0].y, infos[1].y),
                     infos[0].z + infos[1].z);
}

// By what products are multiplied if x is to be normed, from the sum of squares.
fn root(squares: f32) -> f32 {
  return select(1.0, 1.0 / sqrt(squares / f32(p.cols) + p.eps), p.has_norm != 0u);
}
