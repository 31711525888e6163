// An invocation takes one pair of a head, rotated or not. Parts: batch rotation rope.
struct Params {
  dim: u32,
  head_dim: u32,
  n_rot: u32,
  neox: u32,
  table: u32,
  stride: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let t = group.x;
  let i = group.y * WORKGROUP + lane;
  if (i >= p.dim / 2u) {
    return;
  }
  let pair = i % (p.head_dim / 2u);
  let head_at = t * p.dim + i / (p.head_dim / 2u) * p.head_dim;
  if (pair >= p.n_rot / 2u) {
    let at = head_at + 2u * pair;
    out[at] = x[at];
    out[at + 1u] = x[at + 1u];
    return;
  }
  let at = head_at + places_of(pair);
  let y = rotated(t, pair, vec2f(x[at.x], x[at.y]));
  out[at.x] = y.x;
  out[at.y] = y.y;
}
