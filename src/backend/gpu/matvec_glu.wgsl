// A workgroup makes a block of numbers for COLUMNS rows of x, of rows of the gate and as many
// behind them; each team two. Parts: columns_… math weights FORMAT places activations DOT… TEAM…
// pack or no_pack, matvec_glu.
struct Params {
  first_row: u32,
  n_rows: u32,
  cols: u32,
  plane_1: u32,
  plane_2: u32,
  plane_3: u32,
  has_norm: u32,
  eps: f32,
  has_bias: u32,
  bias_at: u32,
  kind: u32,
  packs: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<vec4u>;
@group(0) @binding(2) var<storage, read> x: array<vec4u>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;
@group(0) @binding(5) var<storage, read> norm: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> packed: array<u32>;

var<workgroup> made: array<f32, COLUMNS * BLOCK>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let block = group.x + groups.x * group.y;
  let t = COLUMNS * group.z;
  let first = BLOCK * block + 2u * (lane / TEAM);
  let rows = min(vec2u(first, first + 1u), vec2u(p.n_rows - 1u));
  var sums: array<vec4f, COLUMNS>; // products with two rows of the gate, with two behind it
  var squares: array<f32, COLUMNS>;
  for (var u = lane % TEAM; u < units(); u += TEAM) {
    let gates = array(weights_of(rows.x, u), weights_of(rows.y, u));
    let ups = array(weights_of(p.n_rows + rows.x, u), weights_of(p.n_rows + rows.y, u));
    for (var c = 0u; c < COLUMNS; c++) {
      let own = x_of(t + c, blocks_of(u));
      sums[c] += vec4f(dot_weights(gates[0], own), dot_weights(gates[1], own),
                       dot_weights(ups[0], own), dot_weights(ups[1], own));
      squares[c] += own.squares;
    }
  }
  // Two invocations of a team have a row of x each.
  let which = lane % 2u;
  let column = lane % TEAM / 2u;
  var gate = 0.0;
  var up = 0.0;
  for (var c = 0u; c < COLUMNS; c++) {
    let sum = team_sum4(sums[c], lane) * root(team_sum(squares[c], lane));
    if (c == column) {
      gate = sum[which];
      up = sum[which + 2u];
    }
  }
  if (column < COLUMNS && first + which < p.n_rows) {
    let row = first + which;
    if (p.has_bias != 0u) {
      gate += bias[p.bias_at + row];
      up += bias[p.bias_at + p.n_rows + row];
    }
    let y = select(gelu_tanh(gate), gate * sigmoid(gate), p.kind == SILU_MUL) * up;
    out[(t + column) * p.n_rows + row] = y;
    made[BLOCK * column + 2u * (lane / TEAM) + which] = y;
  }
  workgroupBarrier();
  let four = 4u * (lane % (4u * COLUMNS));
  pack(lane < 4u * COLUMNS, t + lane / 4u, p.n_rows, 4u * block + lane % 4u,
       vec4f(made[four], made[four + 1u], made[four + 2u], made[four + 3u]), lane);
}
