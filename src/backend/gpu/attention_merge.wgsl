// A workgroup makes one head of one token of its parts. Parts: places, pack or no_pack,
// attention_merge.
struct Params {
  n_head: u32,
  head_dim: u32,
  packs: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> parts: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4f>;
@group(0) @binding(3) var<storage, read> norm: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> packed: array<u32>;

fn merged(at: u32, fours: u32, four: u32) -> vec4f {
  var most = parts[at + fours].x;
  for (var i = 1u; i < SPLITS; i++) {
    most = max(most, parts[at + i * (fours + 1u) + fours].x);
  }
  var sum = vec4f();
  var total = 0.0;
  for (var i = 0u; i < SPLITS; i++) {
    let part_at = at + i * (fours + 1u);
    let score_and_total = parts[part_at + fours];
    let weight = exp(score_and_total.x - most);
    sum += parts[part_at + four] * weight;
    total += score_and_total.y * weight;
  }
  return sum / total;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let t = group.y;
  let row = t * p.n_head + group.x;
  let fours = p.head_dim / 4u;
  var own = vec4f();
  if (lane < fours) {
    own = merged(row * SPLITS * (fours + 1u), fours, lane);
    out[row * fours + lane] = own;
  }
  pack(lane < fours, t, p.n_head * p.head_dim, group.x * fours + lane, own, lane);
}
