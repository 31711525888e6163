// An invocation takes one pair of a head, rotated or not. Parts: batch rope.
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
  var at = head_at + vec2u(2u * pair, 2u * pair + 1u);
  if (p.neox != 0u) {
    at = head_at + vec2u(pair, pair + p.n_rot / 2u);
  }
  let angle_at =
    batch[BATCH_ROPES_AT] + (p.table * batch[BATCH_N_TOKENS] + t) * p.stride + 2u * pair;
  let cosine = bitcast<f32>(batch[angle_at]);
  let sine = bitcast<f32>(batch[angle_at + 1u]);
  let a = x[at.x];
  let b = x[at.y];
  out[at.x] = a * cosine - b * sine;
  out[at.y] = a * sine + b * cosine;
}
