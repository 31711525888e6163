// The products of four rows of weights with a row of x, `x`, that begins at x_at, by a workgroup
// whose invocations go through the columns together: each word of the weights is read once.
fn products4(rows: vec4u, x_at: u32, lane: u32) -> vec4f {
  var products = vec4f();
  for (var i = lane; i < eights(); i += WORKGROUP) {
    let at = x_at + columns8(i) / 4u;
    let eight = mat2x4f(x[at.x], x[at.y]);
    let sums = vec4f(1.0) * eight;
    products += vec4f(dot8(rows.x, i, eight, sums), dot8(rows.y, i, eight, sums),
                      dot8(rows.z, i, eight, sums), dot8(rows.w, i, eight, sums));
  }
  return workgroup_sum4(products, lane);
}
