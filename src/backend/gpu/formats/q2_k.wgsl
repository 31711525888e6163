// Half the bits of a word: four weights and those 32 columns on. Words 4 to 19 of a block have
// them.
fn columns8(i: u32) -> vec2u {
  let column = 256u * (i / 32u) + 128u * (i / 8u % 2u) + 64u * (i / 16u % 2u) + 4u * (i % 8u);
  return vec2u(column, column + 32u);
}

fn eight_of(row: u32, i: u32) -> Eight {
  let at = 21u * (row * (p.cols / 256u) + i / 32u);
  let word = w[at + 4u + i % 16u];
  let first = 4u * (i / 16u % 2u);
  let sub_block = columns8(i) / 16u % 16u;
  let scale = unpack2x16float(w[at + 20u]); // and minimum
  let scales = vec2u(byte_at(at, sub_block.x), byte_at(at, sub_block.y));
  return Eight(quants(bits_of_bytes(word, first, 3u), bits_of_bytes(word, first + 2u, 3u)),
               scale.x * vec2f(scales & vec2u(15u)), -scale.y * vec2f(scales >> vec2u(4u)));
}
