// Of four signed bytes each. dot_plain.wgsl is the same without packed dots.
fn dot_bytes(a: u32, b: u32) -> i32 {
  return dot4I8Packed(a, b);
}
