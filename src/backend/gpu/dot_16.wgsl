// Of sixteen signed bytes each.
fn dot_16(q: vec4u, bytes: vec4u) -> i32 {
  return dot_bytes(q.x, bytes.x) + dot_bytes(q.y, bytes.y) + dot_bytes(q.z, bytes.z) +
         dot_bytes(q.w, bytes.w);
}
