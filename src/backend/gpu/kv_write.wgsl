// A workgroup writes the key and the value of one head of a token, four numbers an invocation.
// Parts: batch kv_write.
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

const MAX_FOURS = 128u; // of a head

// Largest magnitudes, of each four of the key and of the value.
var<workgroup> magnitudes: array<vec2f, MAX_FOURS>;

fn is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

fn all_finite(x: vec4f) -> bool {
  return is_finite(x.x) && is_finite(x.y) && is_finite(x.z) && is_finite(x.w);
}

fn largest(x: vec4f) -> f32 {
  let a = abs(x);
  return max(max(a.x, a.y), max(a.z, a.w));
}

// sotto_f32_to_f16: the nearest, of two as near the even one; infinity where it is too large.
fn half_bits(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let magnitude = bits & 0x7fffffffu;
  var half = (magnitude + 0xfffu + ((magnitude >> 13u) & 1u) - 0x38000000u) >> 13u;
  if (magnitude >= 0x477ff000u) {
    half = 0x7c00u;
  } else if (magnitude < 0x38800000u) { // subnormal: adding 0.5 rounds to multiples of 2^-24
    half = bitcast<u32>(abs(x) + 0.5) - 0x3f000000u;
  }
  return ((bits >> 16u) & 0x8000u) | half;
}

fn halves(x: vec4f) -> vec2u {
  return vec2u(half_bits(x.x) | (half_bits(x.y) << 16u), half_bits(x.z) | (half_bits(x.w) << 16u));
}

fn is_finite_half(x: vec4f) -> bool {
  return largest(x) < 65520.0 && all_finite(x);
}

// The scale as a float16 has it, and the quants of x, four to a word.
struct Quants {
  scale: f32,
  word: u32,
}

fn quants(x: vec4f, most: f32) -> Quants {
  let d = most / 127.0;
  let y = clamp(x * select(1.0 / d, 0.0, d == 0.0), vec4f(-127.0), vec4f(127.0));
  let q = vec4i(trunc(y + select(vec4f(0.5), vec4f(-0.5), y < vec4f()))); // half away from zero
  let bytes = (bitcast<vec4u>(q) & vec4u(255u)) << vec4u(0u, 8u, 16u, 24u);
  return Quants(unpack2x16float(half_bits(d)).x, bytes.x | bytes.y | bytes.z | bytes.w);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let t = group.x;
  let head = group.y;
  let position = position_of(t);
  let page = page_of(t, p.group, position);
  let row = (page * p.n_head_kv + head) * 32u + position % 32u;
  let fours = p.head_dim / 4u;
  let x_at = (t * p.n_head_kv + head) * fours;
  var finite = true;
  if (K_TYPE == KV_Q8_0 || V_TYPE == KV_Q8_0) {
    for (var i = lane; i < fours; i += WORKGROUP) {
      magnitudes[i] = vec2f(largest(k[x_at + i]), largest(v[x_at + i]));
    }
    workgroupBarrier();
  }
  for (var i = lane; i < fours; i += WORKGROUP) {
    let key = k[x_at + i];
    let value = v[x_at + i];
    finite = finite && all_finite(key) && all_finite(value);
    var most = vec2f();
    if (K_TYPE == KV_Q8_0 || V_TYPE == KV_Q8_0) {
      for (var j = 0u; j < 8u; j++) {
        most = max(most, magnitudes[i / 8u * 8u + j]);
      }
    }
    let at = row * fours + i;
    let scale_at = p.n_pages * p.n_head_kv * 32u * fours + row * (fours / 8u) + i / 8u;
    if (K_TYPE == KV_F32) {
      let words = bitcast<vec4u>(key);
      K[4u * at] = words.x;
      K[4u * at + 1u] = words.y;
      K[4u * at + 2u] = words.z;
      K[4u * at + 3u] = words.w;
    } else if (K_TYPE == KV_F16) {
      let words = halves(key);
      K[2u * at] = words.x;
      K[2u * at + 1u] = words.y;
      finite = finite && is_finite_half(key);
    } else {
      let q = quants(key, most.x);
      K[at] = q.word;
      if (i % 8u == 0u) {
        K[scale_at] = bitcast<u32>(q.scale);
      }
      finite = finite && most.x / 127.0 < 65520.0;
    }
    if (V_TYPE == KV_F32) {
      let words = bitcast<vec4u>(value);
      V[4u * at] = words.x;
      V[4u * at + 1u] = words.y;
      V[4u * at + 2u] = words.z;
      V[4u * at + 3u] = words.w;
    } else if (V_TYPE == KV_F16) {
      let words = halves(value);
      V[2u * at] = words.x;
      V[2u * at + 1u] = words.y;
      finite = finite && is_finite_half(value);
    } else {
      let q = quants(value, most.y);
      V[at] = q.word;
      if (i % 8u == 0u) {
        V[scale_at] = bitcast<u32>(q.scale);
      }
      finite = finite && most.y / 127.0 < 65520.0;
    }
  }
  if (!finite) {
    atomicMax(&status[0], 0xffffffffu - t);
  }
}
