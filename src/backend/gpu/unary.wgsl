// An invocation makes one value. Parts: math unary.
struct Params {
  dim: u32,
  kind: u32,
  value: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group.x * WORKGROUP + lane;
  if (i >= p.dim) {
    return;
  }
  let at = group.y * p.dim + i;
  switch (p.kind) {
    case GELU: {
      out[at] = gelu_erf(x[at]);
    }
    case SCALE: {
      out[at] = x[at] * p.value;
    }
    default: { // SOFTCAP
      out[at] = p.value * tanh_of(x[at] / p.value);
    }
  }
}
