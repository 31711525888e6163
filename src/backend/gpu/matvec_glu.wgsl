// A workgroup makes a block of numbers for one row of x, of rows of the gate and as many behind
// them; each team two. Parts: math weights FORMAT places activations DOT… TEAM… pack or no_pack,
// matvec_glu.
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

var<workgroup> made: array<f32, BLOCK>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32) {
  let block = group.x + groups.x * group.y;
  let t = group.z;
  let first = BLOCK * block + 2u * (lane / TEAM);
  let rows = min(vec2u(first, first + 1u), vec2u(p.n_rows - 1u));
  var sums = vec4f(); // products with two rows of the gate, with two behind it
  var squares = 0.0;
  for (var u = lane % TEAM; u < units(); u += TEAM) {
    let own = x_of(t, blocks_of(u));
    sums += vec4f(dot_unit(rows.x, u, own), dot_unit(rows.y, u, own),
                  dot_unit(p.n_rows + rows.x, u, own), dot_unit(p.n_rows + rows.y, u, own));
    squares += own.squares;
  }
  sums = team_sum4(sums, lane) * root(team_sum(squares, lane));
  let which = lane % TEAM;
  if (which < 2u && first + which < p.n_rows) {
    let row = first + which;
    var gate = sums[which];
    var up = sums[which + 2u];
    if (p.has_bias != 0u) {
      gate += bias[p.bias_at + row];
      up += bias[p.bias_at + p.n_rows + row];
    }
    let y = select(gelu_tanh(gate), gate * sigmoid(gate), p.kind == SILU_MUL) * up;
    out[t * p.n_rows + row] = y;
    made[2u * (lane / TEAM) + which] = y;
  }
  workgroupBarrier();
  let four = 4u * (lane % 4u);
  pack(lane < 4u, t, p.n_rows, 4u * block + lane % 4u,
       vec4f(made[four], made[four + 1u], made[four + 2u], made[four + 3u]), lane);
}
