// Weights u of a row, and their product with the activations of their columns.
alias Weights = Unit;

fn weights_of(row: u32, u: u32) -> Weights {
  return unit_of(row, u);
}

fn dot_weights(w: Weights, x: Activations) -> f32 {
  let low = 256 * dot_16(w.low, x.high[0]) + dot_16(w.low, x.low[0]);
  let high = 256 * dot_16(w.high, x.high[1]) + dot_16(w.high, x.low[1]);
  var y = dot(w.scale * x.scale, vec2f(vec2i(low, high)));
  if (OFFSETS) {
    y += dot(w.offset, x.sum);
  }
  return y;
}
