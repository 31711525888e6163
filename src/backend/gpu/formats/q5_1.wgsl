// A word: four weights and those 16 columns on.
fn columns8(i: u32) -> vec2u {
  let column = 32u * (i / 4u) + 4u * (i % 4u);
  return vec2u(column, column + 16u);
}

fn eight_of(row: u32, i: u32) -> Eight {
  let block = row * (p.cols / 32u) + i / 4u;
  let word = w[4u * block + i % 4u];
  let fifth = vec4u(w[p.plane_1 + block]) >> (vec4u(0u, 1u, 2u, 3u) + 4u * (i % 4u));
  let low = bits_of_bytes(word, 0u, 15u) | ((fifth & vec4u(1u)) << vec4u(4u));
  let high = bits_of_bytes(word, 4u, 15u) | ((fifth >> vec4u(12u)) & vec4u(16u));
  let scale = unpack2x16float(w[p.plane_2 + block]); // and minimum
  return Eight(quants(low, high), scale.xx, scale.yy);
}
