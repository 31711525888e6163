// A word: four weights and those 16 columns on. Words 2 to 33 of a block have them.
const VALUES = vec4u(0xbfad9881u, 0xf6eaddcfu, 0x26190d01u, 0x71594535u); // tensor/blocks.h

fn columns8(i: u32) -> vec2u {
  let column = 32u * (i / 4u) + 4u * (i % 4u);
  return vec2u(column, column + 16u);
}

fn eight_of(row: u32, i: u32) -> Eight {
  let at = 34u * (row * (p.cols / 256u) + i / 32u);
  let word = w[at + 2u + i % 32u];
  let sub_block = i / 4u % 8u;
  let low = (w[at + 1u] >> (4u * sub_block)) & 15u;
  let high = (w[at] >> (16u + 2u * sub_block)) & 3u;
  let scale = unpack2x16float(w[at]).x * (f32(low | (high << 4u)) - 32.0);
  return Eight(mat2x4f(values_in(VALUES, bits_of_bytes(word, 0u, 15u)),
                       values_in(VALUES, bits_of_bytes(word, 4u, 15u))),
               vec2f(scale), vec2f());
}
