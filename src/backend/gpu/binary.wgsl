// An invocation makes one value. Parts: math binary.
struct Params {
  dim: u32,
  kind: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group.x * WORKGROUP + lane;
  if (i >= p.dim) {
    return;
  }
  let at = group.y * p.dim + i;
  let value = a[at];
  switch (p.kind) {
    case ADD: {
      out[at] = value + b[at];
    }
    case MUL: {
      out[at] = value * b[at];
    }
    case SILU_MUL: {
      out[at] = value * sigmoid(value) * b[at];
    }
    case GELU_MUL: {
      out[at] = gelu_tanh(value) * b[at];
    }
    default: { // GATE
      out[at] = value * sigmoid(b[group.y]);
    }
  }
}
