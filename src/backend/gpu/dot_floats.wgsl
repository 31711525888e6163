// Weights u of a row, and their product with the activations of their columns.
alias Weights = array<vec4f, 8>;

fn weights_of(row: u32, u: u32) -> Weights {
  var w: Weights;
  for (var i = 0u; i < 8u; i++) {
    w[i] = four_of(row, 32u * u + 4u * i);
  }
  return w;
}

fn dot_weights(w: Weights, x: Activations) -> f32 {
  var sums = vec2f();
  for (var i = 0u; i < 8u; i++) {
    let values =
      256.0 * signed_bytes(x.high[i / 4u][i % 4u]) + signed_bytes(x.low[i / 4u][i % 4u]);
    sums[i / 4u] += dot(w[i], values);
  }
  return dot(sums, x.scale);
}
