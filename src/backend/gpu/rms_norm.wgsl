// A workgroup norms `width` values of a row. Parts: reduce_… rms_norm.
struct Params {
  dim: u32,
  width: u32,
  eps: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let at = group.x * p.dim + group.y * p.width;
  var squares = 0.0;
  for (var i = lane; i < p.width; i += WORKGROUP) {
    squares += x[at + i] * x[at + i];
  }
  squares = workgroup_sum(squares, lane);
  let r = 1.0 / sqrt(squares / f32(p.width) + p.eps);
  for (var i = lane; i < p.width; i += WORKGROUP) {
    out[at + i] = x[at + i] * r * weight[i];
  }
}
