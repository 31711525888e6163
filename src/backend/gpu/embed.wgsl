// An invocation copies eight numbers of one token's row. Parts: batch weights FORMAT places, pack
// or no_pack, embed.
struct Params {
  first_row: u32,
  n_rows: u32,
  cols: u32,
  plane_1: u32,
  plane_2: u32,
  plane_3: u32,
  row: u32,
  packs: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> w: array<vec4u>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4f>;
@group(0) @binding(4) var<storage, read> norm: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> packed: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group.x * WORKGROUP + lane;
  let t = group.y;
  var row = 0u;
  if (p.row == ROW_OF_TOKEN) {
    row = token_of(t);
  } else if (p.row == ROW_OF_POSITION) {
    row = position_of(t);
  }
  row -= p.first_row; // of the binding; rows before it become large
  let here = row < p.n_rows && i < eights();
  let columns = columns8(i);
  var eight = mat2x4f();
  if (here) {
    eight = eight_of(row, i);
    if (columns.x < p.cols) {
      out[(t * p.cols + columns.x) / 4u] = eight[0];
    }
    if (columns.y < p.cols) {
      out[(t * p.cols + columns.y) / 4u] = eight[1];
    }
  }
  pack(here, t, p.cols, columns.x / 4u, eight[0], lane);
  workgroupBarrier();
  pack(here, t, p.cols, columns.y / 4u, eight[1], lane);
}
