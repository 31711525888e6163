// A workgroup norms a row and adds it to another one. Parts: reduce_… norm_add.
struct Params {
  dim: u32,
  eps: f32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let at = group.x * p.dim;
  var squares = 0.0;
  for (var i = lane; i < p.dim; i += WORKGROUP) {
    squares += x[at + i] * x[at + i];
  }
  squares = workgroup_sum(squares, lane);
  let r = 1.0 / sqrt(squares / f32(p.dim) + p.eps);
  for (var i = lane; i < p.dim; i += WORKGROUP) {
    out[at + i] = x[at + i] * r * weight[i] * p.scale + residual[at + i];
  }
}
