// A workgroup sorts a chunk of a row of logits and adds up their exponentials. Logits are looked at
// as bits: what a driver makes of NaN, infinities and subnormals is left to it. Parts: float_keys
// top_sort reduce_shared top_chunk.
struct Params {
  n_vocab: u32,
  n_chunks: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> lists: array<vec2u>;
@group(0) @binding(3) var<storage, read_write> parts: array<vec4u>;

const INFINITY = 0x7f800000u;

// e^-88 and what is below it are nothing beside the 1 of the highest logit. Halves, since the
// difference may overflow.
fn exp_below(logit: f32, most: f32) -> f32 {
  return exp(2.0 * max(0.5 * logit - 0.5 * most, -44.0));
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  var banned = 0u;
  var not_finite = 0u;
  for (var i = lane; i < TOP_CHUNK; i += WORKGROUP) {
    let id = TOP_CHUNK * group.x + i;
    keys[i] = key_of(MINUS_INFINITY);
    ids[i] = NO_ID;
    if (id < p.n_vocab) {
      let bits = x[group.y * p.n_vocab + id];
      let is_nan = (bits & 0x7fffffffu) > INFINITY;
      banned += u32(bits == MINUS_INFINITY);
      not_finite += u32(bits == INFINITY || is_nan);
      keys[i] = key_of(select(bits, MINUS_INFINITY, is_nan));
      ids[i] = id;
    }
  }
  sort_runs(1u, lane);

  let most = bits_of(keys[0]);
  var sum = 0.0;
  for (var i = lane; i < TOP_CHUNK; i += WORKGROUP) {
    let bits = bits_of(keys[i]);
    if (bits != MINUS_INFINITY) {
      sum += exp_below(bitcast<f32>(bits), bitcast<f32>(most));
    }
  }
  let sums = workgroup_sum4(vec4f(sum, f32(banned), f32(not_finite), 0.0), lane);
  let chunk = group.y * p.n_chunks + group.x;
  if (lane == 0u) {
    parts[chunk] = vec4u(most, bitcast<u32>(sums.x), vec2u(sums.yz));
  }
  for (var i = lane; i < TOP_BEST; i += WORKGROUP) {
    lists[chunk * TOP_BEST + i] = vec2u(ids[i], bits_of(keys[i]));
  }
}
