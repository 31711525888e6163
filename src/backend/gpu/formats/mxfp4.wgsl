// A word: four weights and those 16 columns on.
const VALUES = vec4u(0x03020100u, 0x0c080604u, 0xfdfeff00u, 0xf4f8fafcu); // tensor/blocks.h

fn columns8(i: u32) -> vec2u {
  let column = 32u * (i / 4u) + 4u * (i % 4u);
  return vec2u(column, column + 16u);
}

fn eight_of(row: u32, i: u32) -> Eight {
  let block = row * (p.cols / 32u) + i / 4u;
  let word = w[4u * block + i % 4u];
  // 2^(e - 128), and 0 for 2^-128, which a device may take for 0 as well.
  let scale = bitcast<f32>(byte_at(p.plane_1, block) << 23u) * 0.5;
  return Eight(mat2x4f(values_in(VALUES, bits_of_bytes(word, 0u, 15u)),
                       values_in(VALUES, bits_of_bytes(word, 4u, 15u))),
               vec2f(scale), vec2f());
}
