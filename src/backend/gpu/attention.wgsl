// A workgroup makes one head of one token. Parts: batch math reduce_… kv_read attend attention.
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let head = group.x;
  let t = group.y;
  let range = visible(t);
  let all = attend(t, head, range.x, range.y, lane);
  let fours = p.head_dim / 4u;
  if (lane < fours) {
    out[(t * p.n_head + head) * fours + lane] = all.sum / all.total;
  }
}
