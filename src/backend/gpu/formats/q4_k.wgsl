// A word: four weights and those 32 columns on. Words 4 to 35 of a block have them.
fn columns8(i: u32) -> vec2u {
  let column = 64u * (i / 8u) + 4u * (i % 8u);
  return vec2u(column, column + 32u);
}

fn eight_of(row: u32, i: u32) -> Eight {
  let at = 36u * (row * (p.cols / 256u) + i / 32u);
  let word = w[at + 4u + i % 32u];
  let sub_block = 2u * (i / 8u % 4u);
  let scale = unpack2x16float(w[at]); // and minimum
  let low = scale * k_scale(at + 1u, sub_block);
  let high = scale * k_scale(at + 1u, sub_block + 1u);
  return Eight(quants(bits_of_bytes(word, 0u, 15u), bits_of_bytes(word, 4u, 15u)),
               vec2f(low.x, high.x), -vec2f(low.y, high.y));
}
