// Functions that stay near their definition and keep NaN, where WGSL's own need not
// (kernels/math.h).

fn is_nan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

// e^x, or a large number where that overflows.
fn exp_of(x: f32) -> f32 {
  return select(select(exp(x), 1e37, x > 85.0), x, is_nan(x));
}

fn sigmoid(x: f32) -> f32 {
  return 1.0 / (1.0 + exp_of(-x));
}

// sotto_tanhf_steps: a polynomial near 0, then by exp.
fn tanh_of(x: f32) -> f32 {
  let a = abs(x);
  let z = a * a;
  var q = 0x1.2c83c0p-9;
  q = q * z - 0x1.116a16p-7;
  q = q * z + 0x1.64a976p-6;
  q = q * z - 0x1.ba08c4p-5;
  q = q * z + 0x1.1110eap-3;
  q = q * z - 0x1.555556p-2;
  let small = q * z * a + a;
  let large = 1.0 - 2.0 / (exp_of(a + a) + 1.0);
  let y = select(large, small, a < 0.625);
  return select(y, -y, x < 0.0);
}

// sotto_geluf_steps: x Phi(x).
fn gelu_erf(x: f32) -> f32 {
  let t = 1.0 / (1.0 + abs(x) * 0x1.45d5b6p-2);
  var q = 0x1.7b313ep-5;
  q = q * t - 0x1.f9ff2cp-3;
  q = q * t + 0x1.b6e7b6p-2;
  q = q * t - 0x1.80e644p-3;
  q = q * t + 0x1.d74322p-3;
  q = q * t + 0x1.9ba2e6p-4;
  q = q * t + 0x1.09352p-3;
  let tail = x * (q * t * exp_of(-0.5 * x * x));
  return select(x - tail, tail, x < 0.0);
}

// GELU's tanh form, as x * sigmoid.
fn gelu_tanh(x: f32) -> f32 {
  return x * sigmoid(x * (1.5957691216 + 0.0713548163 * (x * x)));
}
