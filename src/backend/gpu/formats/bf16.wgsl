// Each is the upper half of a float32.
fn four_at(at: u32) -> vec4f {
  let words = vec2u(word(at / 2u), word(at / 2u + 1u)).xxyy;
  return bitcast<vec4f>((words << vec4u(16u, 0u, 16u, 0u)) & vec4u(0xffff0000u));
}
