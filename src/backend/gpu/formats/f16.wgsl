fn four_at(at: u32) -> vec4f {
  return vec4f(unpack2x16float(word(at / 2u)), unpack2x16float(word(at / 2u + 1u)));
}
