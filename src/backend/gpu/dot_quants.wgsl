// The product of weights u of a row with the activations of their columns.
fn dot_unit(row: u32, u: u32, x: Activations) -> f32 {
  let unit = unit_of(row, u);
  let low = 256 * dot_16(unit.low, x.high[0]) + dot_16(unit.low, x.low[0]);
  let high = 256 * dot_16(unit.high, x.high[1]) + dot_16(unit.high, x.low[1]);
  return dot(unit.scale * x.scale, vec2f(vec2i(low, high))) + dot(unit.offset, x.sum);
}
