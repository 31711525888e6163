fn columns8(i: u32) -> vec2u {
  return vec2u(8u * i, 8u * i + 4u);
}

fn weights8(row: u32, i: u32) -> mat2x4f {
  let at = row * (p.cols / 2u) + 4u * i;
  return mat2x4f(vec4f(unpack2x16float(w[at]), unpack2x16float(w[at + 1u])),
                 vec4f(unpack2x16float(w[at + 2u]), unpack2x16float(w[at + 3u])));
}
