// Of four signed bytes each.
fn dot_bytes(a: u32, b: u32) -> i32 {
  let of_a = bitcast<vec4i>(vec4u(a) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u);
  let of_b = bitcast<vec4i>(vec4u(b) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u);
  return dot(of_a, of_b);
}
