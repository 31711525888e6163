// Numbers as the KV cache keeps them (tensor/dtype.c, quantize.c), and what of them is finite.

const HALF_OVERFLOWS = 65520.0; // the least number that becomes infinity

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

// sotto_f32_to_f16: the nearest, of two as near the even one. WGSL's own may round otherwise.
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

// Four numbers by the scale d, half away from 0, in the bytes of a word.
fn quantised(x: vec4f, d: f32) -> u32 {
  let y = clamp(x * select(1.0 / d, 0.0, d == 0.0), vec4f(-127.0), vec4f(127.0));
  let q = vec4i(trunc(y + select(vec4f(0.5), vec4f(-0.5), y < vec4f())));
  let bytes = (bitcast<vec4u>(q) & vec4u(255u)) << vec4u(0u, 8u, 16u, 24u);
  return bytes.x | bytes.y | bytes.z | bytes.w;
}
