// A word: four weights and those 16 columns on.
fn columns8(i: u32) -> vec2u {
  let column = 32u * (i / 4u) + 4u * (i % 4u);
  return vec2u(column, column + 16u);
}

fn eight_of(row: u32, i: u32) -> Eight {
  let block = row * (p.cols / 32u) + i / 4u;
  let word = w[4u * block + i % 4u];
  let scale = half_at(p.plane_1, block);
  return Eight(quants(bits_of_bytes(word, 0u, 15u), bits_of_bytes(word, 4u, 15u)),
               vec2f(scale), vec2f(-8.0 * scale));
}
