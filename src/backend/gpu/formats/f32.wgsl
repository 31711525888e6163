fn four_at(at: u32) -> vec4f {
  return bitcast<vec4f>(w[at / 4u]);
}
