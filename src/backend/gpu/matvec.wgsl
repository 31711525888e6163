// A workgroup makes a block of rows for COLUMNS rows of x, and each team of its invocations two of
// them. Parts: columns_… weights FORMAT places activations DOT… TEAM… pack or no_pack, matvec.
struct Params {
  first_row: u32,
  n_rows: u32,
  cols: u32,
  plane_1: u32,
  plane_2: u32,
  plane_3: u32,
  row_at: u32,
  out_dim: u32,
  has_norm: u32,
  eps: f32,
  has_bias: u32,
  bias_at: u32,
  has_residual: u32,
  scale: f32,
  packs: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<vec4u>;
@group(0) @binding(2) var<storage, read> x: array<vec4u>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> residual: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;
@group(0) @binding(6) var<storage, read> norm: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> packed: array<u32>;

var<workgroup> made: array<f32, COLUMNS * BLOCK>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let block = group.x + groups.x * group.y;
  let t = COLUMNS * group.z;
  let first = BLOCK * block + 2u * (lane / TEAM);
  let rows = p.row_at + min(vec2u(first, first + 1u), vec2u(p.n_rows - 1u));
  var sums: array<vec4f, COLUMNS>; // products, squares
  for (var u = lane % TEAM; u < units(); u += TEAM) {
    let weights = array(weights_of(rows.x, u), weights_of(rows.y, u));
    for (var c = 0u; c < COLUMNS; c++) {
      let own = x_of(t + c, blocks_of(u));
      sums[c] += vec4f(dot_weights(weights[0], own), dot_weights(weights[1], own), own.squares,
                       0.0);
    }
  }
  // Two invocations of a team have a row of x each.
  let which = lane % 2u;
  let column = lane % TEAM / 2u;
  var y = 0.0;
  for (var c = 0u; c < COLUMNS; c++) {
    let sum = team_sum4(sums[c], lane);
    if (c == column) {
      y = sum[which] * root(sum.z);
    }
  }
  if (column < COLUMNS && first + which < p.n_rows) {
    let row = p.first_row + first + which;
    let at = (t + column) * p.out_dim + row;
    if (p.has_bias != 0u) {
      y += bias[p.bias_at + row];
    }
    y *= p.scale;
    if (p.has_residual != 0u) {
      y += residual[at];
    }
    out[at] = y;
    made[BLOCK * column + 2u * (lane / TEAM) + which] = y;
  }
  workgroupBarrier();
  let four = 4u * (lane % (4u * COLUMNS));
  pack(lane < 4u * COLUMNS, t + lane / 4u, p.out_dim, 4u * block + lane % 4u,
       vec4f(made[four], made[four + 1u], made[four + 2u], made[four + 3u]), lane);
}
