// A workgroup routes a row. An expert's place is the number of those before it, so the places are
// different whatever the logits are. Parts: math float_keys reduce_… route.
struct Params {
  n_experts: u32,
  n_used: u32,
  normalise: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

const MAX_EXPERTS = 1024u;

var<workgroup> keys: array<u32, MAX_EXPERTS>;
var<workgroup> chosen: array<f32, MAX_EXPERTS>; // weights, by place

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let at = group.x * p.n_experts;
  var most = -3e38;
  for (var e = lane; e < p.n_experts; e += WORKGROUP) {
    keys[e] = key_of(bitcast<u32>(logits[at + e]));
    most = max(most, logits[at + e]);
  }
  most = workgroup_max(most, lane);
  var all = 0.0;
  for (var e = lane; e < p.n_experts; e += WORKGROUP) {
    all += exp_of(logits[at + e] - most);
  }
  all = workgroup_sum(all, lane);

  let out_at = group.x * 2u * p.n_used;
  for (var e = lane; e < p.n_experts; e += WORKGROUP) {
    var place = 0u;
    for (var other = 0u; other < p.n_experts; other++) {
      if (keys[other] > keys[e] || (keys[other] == keys[e] && other < e)) {
        place++;
      }
    }
    if (place < p.n_used) {
      out[out_at + place] = f32(e);
      chosen[place] = exp_of(logits[at + e] - most) / all;
    }
  }
  workgroupBarrier();
  var total = 1.0;
  if (p.normalise != 0u) {
    total = 0.0;
    for (var i = 0u; i < p.n_used; i++) {
      total += chosen[i];
    }
  }
  for (var i = lane; i < p.n_used; i += WORKGROUP) {
    out[out_at + p.n_used + i] = chosen[i] / total;
  }
}
