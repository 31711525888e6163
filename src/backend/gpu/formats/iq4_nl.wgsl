// A word: four weights and those 16 columns on.
const VALUES = vec4u(0xbfad9881u, 0xf6eaddcfu, 0x26190d01u, 0x71594535u); // tensor/blocks.h

fn columns8(i: u32) -> vec2u {
  let column = 32u * (i / 4u) + 4u * (i % 4u);
  return vec2u(column, column + 16u);
}

fn eight_of(row: u32, i: u32) -> Eight {
  let block = row * (p.cols / 32u) + i / 4u;
  let word = w[4u * block + i % 4u];
  return Eight(mat2x4f(values_in(VALUES, bits_of_bytes(word, 0u, 15u)),
                       values_in(VALUES, bits_of_bytes(word, 4u, 15u))),
               vec2f(half_at(p.plane_1, block)), vec2f());
}
