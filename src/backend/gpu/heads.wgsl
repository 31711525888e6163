// A workgroup takes one head of queries, or a key and its value, of a token. Parts: batch rotation
// reduce_… kv_convert kv_store heads.
struct Params {
  n_head: u32,
  n_head_kv: u32,
  head_dim: u32,
  group: u32,
  n_pages: u32,
  has_norm: u32,
  eps: f32,
  n_rot: u32,
  neox: u32,
  table: u32,
  stride: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> q_norm: array<f32>;
@group(0) @binding(4) var<storage, read> k_norm: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;
@group(0) @binding(6) var<storage, read_write> K: array<u32>;
@group(0) @binding(7) var<storage, read_write> V: array<u32>;
@group(0) @binding(8) var<storage, read_write> status: array<atomic<u32>>;

var<workgroup> numbers: array<f32, 4u * MAX_FOURS>; // of the head

// Where a head begins; values lie behind keys, which lie behind queries.
fn head_at(t: u32, head: u32) -> u32 {
  return (t * (p.n_head + 2u * p.n_head_kv) + head) * p.head_dim;
}

fn load(at: u32, is_key: bool, lane: u32) {
  var squares = 0.0;
  for (var i = lane; i < p.head_dim; i += WORKGROUP) {
    numbers[i] = x[at + i];
    squares += x[at + i] * x[at + i];
  }
  if (p.has_norm == 0u) {
    return;
  }
  let r = 1.0 / sqrt(workgroup_sum(squares, lane) / f32(p.head_dim) + p.eps);
  for (var i = lane; i < p.head_dim; i += WORKGROUP) {
    let weight = select(q_norm[i], k_norm[i], is_key);
    numbers[i] = x[at + i] * r * weight;
  }
}

fn rotate(t: u32, lane: u32) {
  for (var pair = lane; pair < p.n_rot / 2u; pair += WORKGROUP) {
    let at = places_of(pair);
    let y = rotated(t, pair, vec2f(numbers[at.x], numbers[at.y]));
    numbers[at.x] = y.x;
    numbers[at.y] = y.y;
  }
}

fn key_four(t: u32, head: u32, i: u32) -> vec4f {
  return vec4f(numbers[4u * i], numbers[4u * i + 1u], numbers[4u * i + 2u], numbers[4u * i + 3u]);
}

fn value_four(t: u32, head: u32, i: u32) -> vec4f {
  let at = head_at(t, p.n_head + p.n_head_kv + head) + 4u * i;
  return vec4f(x[at], x[at + 1u], x[at + 2u], x[at + 3u]);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let t = group.x;
  let is_key = group.y >= p.n_head;
  load(head_at(t, group.y), is_key, lane);
  workgroupBarrier();
  rotate(t, lane);
  workgroupBarrier();
  if (is_key) {
    kv_store(t, group.y - p.n_head, lane);
    return;
  }
  let out_at = (t * p.n_head + group.y) * p.head_dim;
  for (var i = lane; i < p.head_dim; i += WORKGROUP) {
    out[out_at + i] = numbers[i];
  }
}
