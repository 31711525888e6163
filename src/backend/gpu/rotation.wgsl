// Rotary pairs of a head; p has n_rot, neox, table and stride (kernels_attention.h).

// Where the numbers of a pair are, from the head's first on.
fn places_of(pair: u32) -> vec2u {
  return select(vec2u(2u * pair, 2u * pair + 1u), vec2u(pair, pair + p.n_rot / 2u), p.neox != 0u);
}

// A token's pair, rotated.
fn rotated(t: u32, pair: u32, x: vec2f) -> vec2f {
  let at = batch[BATCH_ROPES_AT] + (p.table * batch[BATCH_N_TOKENS] + t) * p.stride + 2u * pair;
  let cosine = bitcast<f32>(batch[at]);
  let sine = bitcast<f32>(batch[at + 1u]);
  return vec2f(x.x * cosine - x.y * sine, x.x * sine + x.y * cosine);
}
