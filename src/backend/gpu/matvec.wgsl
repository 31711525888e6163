// A workgroup makes four rows of one row of x. Parts: weights formats/… reduce_… products matvec.
struct Params {
  first_row: u32,
  n_rows: u32,
  cols: u32,
  plane_1: u32,
  plane_2: u32,
  plane_3: u32,
  row_at: u32,
  out_dim: u32,
  per_output: u32,
  has_bias: u32,
  bias_at: u32,
  has_residual: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> x: array<vec4f>;
@group(0) @binding(5) var<storage, read> residual: array<f32>;
@group(0) @binding(6) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let first = MATVEC_ROWS * (group.x + groups.x * group.y);
  let rows = min(vec4u(first) + vec4u(0u, 1u, 2u, 3u), vec4u(p.n_rows - 1u));
  let products = products4(p.row_at + rows, group.z * (p.cols / 4u), lane);
  if (lane < MATVEC_ROWS && first + lane < p.n_rows) {
    let row = p.first_row + first + lane;
    let at = group.z * p.out_dim + row;
    var y = products[lane];
    if (p.has_bias != 0u) {
      y += bias[p.bias_at + row];
    }
    y *= p.scale;
    if (p.has_residual != 0u) {
      y += residual[at];
    }
    out[at] = y;
  }
}
