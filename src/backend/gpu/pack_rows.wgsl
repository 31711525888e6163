// An invocation packs four numbers, or zeros behind a row's end. Parts: places pack pack_rows.
struct Params {
  dim: u32,
  packs: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> norm: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> packed: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let four = group.x * WORKGROUP + lane;
  let t = group.y;
  var own = vec4f();
  if (4u * four < p.dim) {
    own = x[t * (p.dim / 4u) + four];
  }
  pack(four < 8u * ((p.dim + 31u) / 32u), t, p.dim, four, own, lane);
}
