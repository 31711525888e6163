// A workgroup divides a row by its length. Parts: reduce_… l2_norm.
struct Params {
  dim: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let at = group.x * p.dim;
  var squares = 0.0;
  for (var i = lane; i < p.dim; i += WORKGROUP) {
    squares += x[at + i] * x[at + i];
  }
  squares = workgroup_sum(squares, lane);
  let r = 1.0 / select(sqrt(squares), 1.0, squares == 0.0);
  for (var i = lane; i < p.dim; i += WORKGROUP) {
    out[at + i] = x[at + i] * r;
  }
}
