// A workgroup takes one head of a token. Parts: batch kv_convert kv_store kv_write.
struct Params {
  n_head_kv: u32,
  head_dim: u32,
  group: u32,
  n_pages: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> k: array<vec4f>;
@group(0) @binding(3) var<storage, read> v: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> K: array<u32>;
@group(0) @binding(5) var<storage, read_write> V: array<u32>;
@group(0) @binding(6) var<storage, read_write> status: array<atomic<u32>>;

fn key_four(t: u32, head: u32, i: u32) -> vec4f {
  return k[(t * p.n_head_kv + head) * (p.head_dim / 4u) + i];
}

fn value_four(t: u32, head: u32, i: u32) -> vec4f {
  return v[(t * p.n_head_kv + head) * (p.head_dim / 4u) + i];
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  kv_store(group.x, group.y, lane);
}
