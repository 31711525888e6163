// A workgroup makes four rows of one row of x: its invocations go through the columns together,
// each word of the weights is read once. Parts: weights formats/… reduce_… matvec.
struct Params {
  first_row: u32,
  n_rows: u32,
  cols: u32,
  plane_1: u32,
  plane_2: u32,
  plane_3: u32,
  out_dim: u32,
  per_output: u32,
  has_bias: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> x: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let first = MATVEC_ROWS * (group.x + groups.x * group.y);
  let rows = min(vec4u(first) + vec4u(0u, 1u, 2u, 3u), vec4u(p.n_rows - 1u));
  let x_at = group.z * (p.cols / 4u);
  var products = vec4f();
  for (var i = lane; i < eights(); i += WORKGROUP) {
    let at = x_at + columns8(i) / 4u;
    let eight = mat2x4f(x[at.x], x[at.y]);
    let sums = vec4f(1.0) * eight;
    products += vec4f(dot8(rows.x, i, eight, sums), dot8(rows.y, i, eight, sums),
                      dot8(rows.z, i, eight, sums), dot8(rows.w, i, eight, sums));
  }
  products = workgroup_sum4(products, lane);
  if (lane < MATVEC_ROWS && first + lane < p.n_rows) {
    let row = p.first_row + first + lane;
    var y = products[lane];
    if (p.has_bias != 0u) {
      y += bias[row];
    }
    out[group.z * p.out_dim + row] = y;
  }
}
