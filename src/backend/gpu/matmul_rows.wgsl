// What kernels for many rows of x are given but x, how many rows these are, and where results go.
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
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> w: array<vec4u>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;

fn rows_of_x() -> u32 {
  return batch[select(BATCH_N_TOKENS, BATCH_N_OUTPUTS, p.per_output != 0u)];
}

fn store(row_x: u32, n_rows: u32, row_w: u32, y: f32) {
  if (row_x < n_rows && row_w < p.n_rows) {
    let row = p.first_row + row_w;
    out[row_x * p.out_dim + row] = y + select(0.0, bias[p.bias_at + row], p.has_bias != 0u);
  }
}
