// An invocation copies one value. Parts: batch take_outputs.
struct Params {
  dim: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group.x * WORKGROUP + lane;
  if (i < p.dim) {
    out[group.y * p.dim + i] = x[output_token(group.y) * p.dim + i];
  }
}
