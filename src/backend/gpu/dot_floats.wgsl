// The product of weights u of a row with the activations of their columns.
fn dot_unit(row: u32, u: u32, x: Activations) -> f32 {
  var sums = vec2f();
  for (var i = 0u; i < 8u; i++) {
    let values =
      256.0 * signed_bytes(x.high[i / 4u][i % 4u]) + signed_bytes(x.low[i / 4u][i % 4u]);
    sums[i / 4u] += dot(four_of(row, 32u * u + 4u * i), values);
  }
  return dot(sums, x.scale);
}
