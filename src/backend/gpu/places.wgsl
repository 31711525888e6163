// Where block b of n is in each part of a packed row: those with even numbers come first.
fn place_of(b: vec2u, n: u32) -> vec2u {
  return (b % 2u) * (n / 2u) + b / 2u;
}
