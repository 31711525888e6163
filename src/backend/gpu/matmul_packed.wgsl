// As matmul, of packed activations: a workgroup of 256 makes a tile of 64 rows of w for 64 rows of
// x, each invocation every 16th of these and of those. 32 weights of a row at a time lie in
// workgroup memory, in halves, which are blocks of columns. Parts: batch weights FORMAT places DOTS
// matmul_rows matmul_packed.
@group(0) @binding(4) var<storage, read> x: array<vec4u>;

const ROWS = 64u; // of w, and of x
const OWN = 4u; // of an invocation
const APART = 16u;

var<workgroup> bytes_w: array<vec4u, 2u * ROWS>;
var<workgroup> scales_w: array<vec2f, 2u * ROWS>; // scale, offset
var<workgroup> high_x: array<vec4u, 2u * ROWS>; // bytes
var<workgroup> low_x: array<vec4u, 2u * ROWS>;
var<workgroup> scales_x: array<vec2f, 2u * ROWS>; // scale, scale * sum of numbers

// Unit u of a row, or zeros behind the last row.
fn load_w(row: u32, u: u32, at: u32) {
  var unit: Unit;
  if (row < p.n_rows) {
    unit = unit_of(p.row_at + row, u);
  }
  bytes_w[at] = unit.low;
  bytes_w[ROWS + at] = unit.high;
  scales_w[at] = vec2f(unit.scale.x, unit.offset.x);
  scales_w[ROWS + at] = vec2f(unit.scale.y, unit.offset.y);
}

fn load_x(here: bool, row: u32, block: u32, at: u32) {
  var high = vec4u();
  var low = vec4u();
  var scales = vec2f();
  if (here) {
    let n = 2u * units();
    let first = 3u * n * row + place_of(vec2u(block), n).x;
    high = x[first];
    low = x[first + n];
    scales = bitcast<vec2f>(x[first + 2u * n].xy);
  }
  high_x[at] = high;
  low_x[at] = low;
  scales_x[at] = scales;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let n_rows = rows_of_x();
  let first_w = ROWS * group.x;
  let first_x = ROWS * group.y;
  let own_w = lane % APART;
  let own_x = lane / APART;
  var sums: array<f32, OWN * OWN>;
  for (var u = 0u; u < units(); u++) {
    workgroupBarrier();
    if (lane < ROWS) {
      load_w(first_w + lane, u, lane);
    } else if (lane < 3u * ROWS) {
      let at = lane - ROWS;
      let row = first_x + at % ROWS;
      load_x(row < n_rows, row, blocks_of(u)[at / ROWS], at);
    }
    workgroupBarrier();
    for (var h = 0u; h < 2u; h++) { // of whose bounds compilers know that they need no checks
      let half = h * ROWS;
      var weights: array<vec4u, OWN>;
      var scales: array<vec2f, OWN>;
      for (var j = 0u; j < OWN; j++) {
        weights[j] = bytes_w[half + APART * j + own_w];
        scales[j] = scales_w[half + APART * j + own_w];
      }
      for (var i = 0u; i < OWN; i++) {
        let at = half + APART * i + own_x;
        let scale = scales_x[at];
        for (var j = 0u; j < OWN; j++) {
          let products = 256 * dot_16(weights[j], high_x[at]) + dot_16(weights[j], low_x[at]);
          var y = scales[j].x * (f32(products) * scale.x);
          if (OFFSETS) {
            y += scales[j].y * scale.y;
          }
          sums[OWN * i + j] += y;
        }
      }
    }
  }
  for (var i = 0u; i < OWN; i++) {
    for (var j = 0u; j < OWN; j++) {
      store(first_x + APART * i + own_x, n_rows, first_w + APART * j + own_w, sums[OWN * i + j]);
    }
  }
}
