// A workgroup takes a share of the positions of one head of a token: whole pages. Parts: batch math
// reduce_… kv_read scores attend attention_part.
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let head = group.x;
  let t = group.y;
  let range = visible(t);
  let pages = ((range.y - range.x + SPLITS - 1u) / SPLITS + 31u) / 32u;
  let begin = min(range.x + group.z * 32u * pages, range.y);
  let fours = p.head_dim / 4u;
  let at = ((t * p.n_head + head) * SPLITS + group.z) * (fours + 1u);
  var part = Attended(vec4f(), LEAST, 0.0);
  if (begin < range.y) {
    part = attend(t, head, begin, min(begin + 32u * pages, range.y), lane);
  }
  if (lane < fours) {
    out[at + lane] = part.sum;
  }
  if (lane == 0u) {
    out[at + fours] = vec4f(part.most, part.total, 0.0, 0.0);
  }
}
