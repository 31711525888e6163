// A workgroup takes a share of the positions of one head of a token: whole pages, and no fewer than
// it can take at a time. Parts: batch math reduce_… kv_read attend attention_part.
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let head = group.x;
  let t = group.y;
  let range = visible(t);
  let pages = ((range.y - range.x + SPLITS - 1u) / SPLITS + 31u) / 32u;
  let share = max(32u * pages, WORKGROUP);
  let begin = min(range.x + group.z * share, range.y);
  let part = attend(t, head, begin, min(begin + share, range.y), lane);
  let fours = p.head_dim / 4u;
  let at = ((t * p.n_head + head) * SPLITS + group.z) * (fours + 1u);
  if (lane < fours) {
    out[at + lane] = part.sum;
  }
  if (lane == 0u) {
    out[at + fours] = vec4f(part.most, part.total, 0.0, 0.0);
  }
}
