// A workgroup norms a row. Parts: reduce_… layer_norm.
struct Params {
  dim: u32,
  eps: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let at = group.x * p.dim;
  var sum = 0.0;
  for (var i = lane; i < p.dim; i += WORKGROUP) {
    sum += x[at + i];
  }
  let mean = workgroup_sum(sum, lane) / f32(p.dim);
  var squares = 0.0;
  for (var i = lane; i < p.dim; i += WORKGROUP) {
    let d = x[at + i] - mean;
    squares += d * d;
  }
  let r = 1.0 / sqrt(workgroup_sum(squares, lane) / f32(p.dim) + p.eps);
  for (var i = lane; i < p.dim; i += WORKGROUP) {
    out[at + i] = (x[at + i] - mean) * r * weight[i] + bias[i];
  }
}
