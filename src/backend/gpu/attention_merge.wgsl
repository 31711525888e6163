// A workgroup makes one head of one token of its parts. Parts: attention_merge.
struct Params {
  n_head: u32,
  head_dim: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> parts: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4f>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * p.n_head + group.x;
  let fours = p.head_dim / 4u;
  let at = row * SPLITS * (fours + 1u);
  if (lane >= fours) {
    return;
  }
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
    sum += parts[part_at + lane] * weight;
    total += score_and_total.y * weight;
  }
  out[row * fours + lane] = sum / total;
}
