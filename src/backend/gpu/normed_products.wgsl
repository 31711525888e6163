// As products.wgsl, for rows of x that are normed by their root mean square on the way, with `norm`
// as weights. The root is a factor of the products, so the squares are summed beside them.
@group(0) @binding(4) var<storage, read> x: array<vec4f>;
@group(0) @binding(5) var<storage, read> norm: array<vec4f>;

// An invocation's part of four products.
fn part4(rows: vec4u, i: u32, eight: mat2x4f, sums: vec2f) -> vec4f {
  return vec4f(dot8(rows.x, i, eight, sums), dot8(rows.y, i, eight, sums),
               dot8(rows.z, i, eight, sums), dot8(rows.w, i, eight, sums));
}

// Eight numbers of x. Where the last eight are four, these come twice and count once.
fn squares8(x: mat2x4f, columns: vec2u) -> f32 {
  return dot(x[0], x[0]) + select(0.0, dot(x[1], x[1]), columns.x != columns.y);
}

// What the sums of squares make of products.
fn root(squares: f32, lane: u32) -> f32 {
  return 1.0 / sqrt(workgroup_sum(squares, lane) / f32(p.cols) + p.eps);
}

fn normed_products4(rows: vec4u, x_at: u32, lane: u32) -> vec4f {
  var products = vec4f();
  var squares = 0.0;
  for (var i = lane; i < eights(); i += WORKGROUP) {
    let columns = columns8(i) / 4u;
    let own = mat2x4f(x[x_at + columns.x], x[x_at + columns.y]);
    squares += squares8(own, columns);
    let eight = mat2x4f(own[0] * norm[columns.x], own[1] * norm[columns.y]);
    products += part4(rows, i, eight, vec4f(1.0) * eight);
  }
  return workgroup_sum4(products, lane) * root(squares, lane);
}

// Of two sets of rows.
fn normed_products8(a: vec4u, b: vec4u, x_at: u32, lane: u32) -> mat2x4f {
  var products = mat2x4f();
  var squares = 0.0;
  for (var i = lane; i < eights(); i += WORKGROUP) {
    let columns = columns8(i) / 4u;
    let own = mat2x4f(x[x_at + columns.x], x[x_at + columns.y]);
    squares += squares8(own, columns);
    let eight = mat2x4f(own[0] * norm[columns.x], own[1] * norm[columns.y]);
    let sums = vec4f(1.0) * eight;
    products[0] += part4(a, i, eight, sums);
    products[1] += part4(b, i, eight, sums);
  }
  let r = root(squares, lane);
  return mat2x4f(workgroup_sum4(products[0], lane) * r, workgroup_sum4(products[1], lane) * r);
}
