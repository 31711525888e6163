// A workgroup makes one head of one token. Parts: batch math reduce_… kv_read places, pack or
// no_pack, scores attend attention.
@group(0) @binding(6) var<storage, read> norm: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> packed: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let head = group.x;
  let t = group.y;
  let range = visible(t);
  let all = attend(t, head, range.x, range.y, lane);
  let fours = p.head_dim / 4u;
  let own = all.sum / all.total;
  let four = head * fours + lane;
  if (lane < fours) {
    out[t * p.n_head * fours + four] = own;
  }
  pack(lane < fours, t, p.n_head * p.head_dim, four, own, lane);
}
