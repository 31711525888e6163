// An invocation copies one logit, bit by bit. Parts: named.
struct Params {
  n_vocab: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read> ids: array<u32>;
@group(0) @binding(3) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let at = group.y * MAX_NAMED + group.x * WORKGROUP + lane;
  let id = ids[at];
  var bits = 0u;
  if (id < p.n_vocab) {
    bits = x[group.y * p.n_vocab + id];
  }
  out[at] = bits;
}
