// An invocation makes one channel of one token. Parts: batch short_conv.
struct Params {
  dim: u32,
  n_taps: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> taps: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read_write> state: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;

// Channel c of the row `back` tokens before token t: of the batch, of the state before it, or 0
// before the sequence.
fn row_before(t: u32, back: u32, c: u32) -> f32 {
  let in_batch = t - sequence_of(t, FIRST_TOKEN);
  if (back <= in_batch) {
    return x[(t - back) * p.dim + c];
  }
  let slot = sequence_of(t, STATE_BEFORE);
  if (back > position_of(t) || slot == NONE) {
    return 0.0;
  }
  let row = p.n_taps - 1u - (back - in_batch);
  return state[(slot * (p.n_taps - 1u) + row) * p.dim + c];
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let c = group.x * WORKGROUP + lane;
  let t = group.y;
  if (c >= p.dim) {
    return;
  }
  var sum = 0.0;
  for (var j = 0u; j < p.n_taps; j++) {
    sum += taps[c * p.n_taps + j] * row_before(t, p.n_taps - 1u - j, c);
  }
  out[t * p.dim + c] = sum;
  let slot = batch[batch[BATCH_ENDS_AT] + t];
  if (slot == NONE) {
    return;
  }
  for (var j = 1u; j < p.n_taps; j++) {
    state[(slot * (p.n_taps - 1u) + j - 1u) * p.dim + c] = row_before(t, p.n_taps - 1u - j, c);
  }
}
