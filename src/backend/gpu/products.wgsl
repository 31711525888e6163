// The products of four rows of weights with a row of x, `x`, that begins at x_at, by a workgroup
// whose invocations go through the columns together.
fn products4(rows: vec4u, x_at: u32, lane: u32) -> vec4f {
  var products = vec4f();
  for (var i = lane; i < eights(); i += WORKGROUP) {
    let at = x_at + min(columns8(i), vec2u(p.cols - 4u)) / 4u;
    let eight = mat2x4f(x[at.x], x[at.y]);
    products += vec4f(dot8(rows.x, i, eight), dot8(rows.y, i, eight), dot8(rows.z, i, eight),
                      dot8(rows.w, i, eight));
  }
  return workgroup_sum4(products, lane);
}

fn dot8(row: u32, i: u32, x: mat2x4f) -> f32 {
  let weights = eight_of(row, i);
  return dot(weights[0], x[0]) + dot(weights[1], x[1]);
}
