// A workgroup copies one token's row. Parts: batch weights formats/… embed.
struct Params {
  first_row: u32,
  n_rows: u32,
  cols: u32,
  plane_1: u32,
  plane_2: u32,
  plane_3: u32,
  row: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(3) var<storage, read_write> out: array<vec4f>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let t = group.x;
  var row = 0u;
  if (p.row == ROW_OF_TOKEN) {
    row = token_of(t);
  } else if (p.row == ROW_OF_POSITION) {
    row = position_of(t);
  }
  row -= p.first_row; // of the binding; rows before it become large
  if (row >= p.n_rows) {
    return;
  }
  for (var i = lane; i < eights(); i += WORKGROUP) {
    let eight = weights8(row, i);
    let at = (t * p.cols + columns8(i)) / 4u;
    out[at.x] = eight[0];
    if (8u * i + 8u <= p.cols) {
      out[at.y] = eight[1];
    }
  }
}
