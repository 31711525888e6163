// An invocation copies four numbers. Parts: batch places, pack or no_pack, take_outputs.
struct Params {
  dim: u32,
  packs: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4f>;
@group(0) @binding(4) var<storage, read> norm: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> packed: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let four = group.x * WORKGROUP + lane;
  let fours = p.dim / 4u;
  let here = four < fours;
  var own = vec4f();
  if (here) {
    own = x[output_token(group.y) * fours + four];
    out[group.y * fours + four] = own;
  }
  pack(here, group.y, p.dim, four, own, lane);
}
