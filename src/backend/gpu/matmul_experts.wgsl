// As matvec, with the rows of an expert that the routes name. Parts: weights formats/… reduce_…
// products matmul_experts.
struct Params {
  first_row: u32,
  n_rows: u32,
  cols: u32,
  plane_1: u32,
  plane_2: u32,
  plane_3: u32,
  dim: u32,
  n_used: u32,
  per_token: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> w: array<vec4u>;
@group(0) @binding(3) var<storage, read> x: array<vec4f>;
@group(0) @binding(4) var<storage, read> routes: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let i = group.z;
  let t = i / p.n_used;
  let expert = u32(routes[t * 2u * p.n_used + i % p.n_used]);
  let first = MATVEC_ROWS * (group.x + groups.x * group.y);
  // Of the binding; those before it become large.
  let first_local = expert * p.dim + first - p.first_row;
  let rows = min(vec4u(first_local) + vec4u(0u, 1u, 2u, 3u), vec4u(p.n_rows - 1u));
  let x_at = select(i, t, p.per_token != 0u) * (p.cols / 4u);
  let products = products4(rows, x_at, lane);
  if (lane < MATVEC_ROWS && first + lane < p.dim && first_local + lane < p.n_rows) {
    out[i * p.dim + first + lane] = products[lane];
  }
}
