// An invocation makes one value. Parts: combine.
struct Params {
  dim: u32,
  n_used: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> routes: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group.x * WORKGROUP + lane;
  let t = group.y;
  if (i >= p.dim) {
    return;
  }
  var sum = 0.0;
  for (var e = 0u; e < p.n_used; e++) {
    sum += routes[(2u * t + 1u) * p.n_used + e] * x[(t * p.n_used + e) * p.dim + i];
  }
  out[t * p.dim + i] = sum;
}
