// A workgroup merges sorted lists into one. Parts: float_keys top_sort top_merge.
struct Params {
  n_in: u32,
  n_out: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> lists: array<vec2u>;
@group(0) @binding(2) var<storage, read_write> out: array<vec2u>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = TOP_LISTS * group.x;
  for (var i = lane; i < TOP_LISTS * TOP_BEST; i += WORKGROUP) {
    var entry = vec2u(NO_ID, MINUS_INFINITY);
    if (first + i / TOP_BEST < p.n_in) {
      entry = lists[(group.y * p.n_in + first) * TOP_BEST + i];
    }
    keys[i] = key_of(entry.y);
    ids[i] = entry.x;
  }
  sort_runs(TOP_BEST, lane);
  let at = (group.y * p.n_out + group.x) * TOP_BEST;
  for (var i = lane; i < TOP_BEST; i += WORKGROUP) {
    out[at + i] = vec2u(ids[i], bits_of(keys[i]));
  }
}
