// A workgroup of 256 makes a tile of 64 rows of w for 64 rows of x, each invocation four by four.
// 32 columns at a time lie in workgroup memory: the eights 4 s to 4 s + 3 of step s, whichever
// columns these are, four rows to a vector. Parts: batch weights FORMAT matmul_rows matmul.
@group(0) @binding(4) var<storage, read> x: array<vec4f>;

const EIGHTS = 4u; // of a step
const COLUMNS = 32u;
const FOURS = 16u; // of rows

var<workgroup> tile_w: array<vec4f, COLUMNS * FOURS>;
var<workgroup> tile_x: array<vec4f, COLUMNS * FOURS>;

fn weights_or_zeros(row: u32, i: u32) -> mat2x4f {
  if (row >= p.n_rows || i >= eights()) {
    return mat2x4f();
  }
  return eight_of(p.row_at + row, i);
}

// Eight number `eight` of the step that begins with i, of four rows.
fn load_w(first: u32, i: u32, four: u32, eight: u32) {
  var low: mat4x4f;
  var high: mat4x4f;
  for (var r = 0u; r < 4u; r++) {
    let weights = weights_or_zeros(first + 4u * four + r, i + eight);
    low[r] = weights[0];
    high[r] = weights[1];
  }
  low = transpose(low);
  high = transpose(high);
  let at = 8u * eight * FOURS + four;
  for (var c = 0u; c < 4u; c++) {
    tile_w[at + c * FOURS] = low[c];
    tile_w[at + (c + 4u) * FOURS] = high[c];
  }
}

fn x_of(row: u32, n_rows: u32, i: u32, part: u32) -> vec4f {
  if (row >= n_rows || i >= eights()) {
    return vec4f();
  }
  let columns = min(columns8(i), vec2u(p.cols - 4u));
  return x[(row * p.cols + select(columns.x, columns.y, part == 1u)) / 4u];
}

// Half an eight of four rows.
fn load_x(first: u32, n_rows: u32, i: u32, four: u32, half: u32) {
  var columns: mat4x4f;
  for (var r = 0u; r < 4u; r++) {
    columns[r] = x_of(first + 4u * four + r, n_rows, i + half / 2u, half % 2u);
  }
  columns = transpose(columns);
  let at = 4u * half * FOURS + four;
  for (var c = 0u; c < 4u; c++) {
    tile_x[at + c * FOURS] = columns[c];
  }
}

// Four columns of a row of out.
fn store4(row_x: u32, n_rows: u32, row_w: u32, y: vec4f) {
  for (var c = 0u; c < 4u; c++) {
    store(row_x, n_rows, row_w + c, y[c]);
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let n_rows = rows_of_x();
  let first_w = MATMUL_N * group.x;
  let first_x = MATMUL_M * group.y;
  let four_w = lane % FOURS;
  let four_x = lane / FOURS;
  var sums_0 = vec4f();
  var sums_1 = vec4f();
  var sums_2 = vec4f();
  var sums_3 = vec4f();
  for (var i = 0u; i < eights(); i += EIGHTS) {
    workgroupBarrier();
    if (lane < 64u) {
      load_w(first_w, i, lane % FOURS, lane / FOURS);
    } else if (lane >= 128u) {
      load_x(first_x, n_rows, i, lane % FOURS, lane / FOURS - 8u);
    }
    workgroupBarrier();
    for (var k = 0u; k < COLUMNS; k++) {
      let weights = tile_w[k * FOURS + four_w];
      let values = tile_x[k * FOURS + four_x];
      sums_0 += weights * values.x;
      sums_1 += weights * values.y;
      sums_2 += weights * values.z;
      sums_3 += weights * values.w;
    }
  }
  store4(first_x + 4u * four_x, n_rows, first_w + 4u * four_w, sums_0);
  store4(first_x + 4u * four_x + 1u, n_rows, first_w + 4u * four_w, sums_1);
  store4(first_x + 4u * four_x + 2u, n_rows, first_w + 4u * four_w, sums_2);
  store4(first_x + 4u * four_x + 3u, n_rows, first_w + 4u * four_w, sums_3);
}
