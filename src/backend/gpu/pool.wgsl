// An invocation pools one value over the tokens of a text. Parts: batch pool.
struct Params {
  dim: u32,
  pooling: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group.x * WORKGROUP + lane;
  if (i >= p.dim) {
    return;
  }
  let text_end = output_token(group.y);
  let text_first = sequence_of(text_end, FIRST_TOKEN);
  let first = select(text_first, text_end, p.pooling == POOLING_LAST);
  let last = select(text_end, text_first, p.pooling == POOLING_CLS);
  // In parts, so that a long sum keeps its digits.
  var sum = 0.0;
  for (var t = first; t <= last; t += 32u) {
    var part = 0.0;
    for (var u = t; u <= min(t + 31u, last); u++) {
      part += x[u * p.dim + i];
    }
    sum += part;
  }
  out[group.y * p.dim + i] = sum / f32(last - first + 1u);
}
