// Packs activations (kernels_matrix.h) into `packed`, as they are or times the weights `norm`; p
// has `packs`, which says so. no_pack.wgsl stands for it where nothing is packed.
const MOST = 32512.0; // 127 * 256

var<workgroup> pack_tops: array<u32, WORKGROUP>;
var<workgroup> pack_sums: array<vec2f, WORKGROUP>;

// Four numbers of row t of `dim`, from column 4 * four on; `here` says whether there are any. Each
// four invocations from a multiple of 4 on have a block.
fn pack(here: bool, t: u32, dim: u32, four: u32, x: vec4f, lane: u32) {
  var y = x;
  if (here && p.packs == PACKS_NORMED && 4u * four < dim) {
    y *= norm[four];
  }
  // By their bits, which no compiler takes NaN or infinity out of.
  let bits = bitcast<vec4u>(y) & vec4u(0x7fffffffu);
  pack_tops[lane] = max(max(bits.x, bits.y), max(bits.z, bits.w));
  workgroupBarrier();
  let first = lane / 4u * 4u;
  let top_bits = max(max(pack_tops[first], pack_tops[first + 1u]),
                     max(pack_tops[first + 2u], pack_tops[first + 3u]));
  let top = bitcast<f32>(top_bits);
  let is_finite = top_bits < 0x7f800000u;
  let is_zero = top < 1e-30;
  let q = vec4i(round(y * select(0.0, MOST / top, is_finite && !is_zero)));
  pack_sums[lane] = vec2f(f32(q.x + q.y + q.z + q.w), dot(x, x));
  workgroupBarrier();
  if (!here) {
    return;
  }
  let n = 2u * ((dim + 31u) / 32u);
  let at = 4u * (3u * n * t + place_of(vec2u(four / 4u), n).x) + four % 4u;
  let high = (q + vec4i(128)) >> vec4u(8u);
  packed[at] = word_of(high);
  packed[at + 4u * n] = word_of(q - (high << vec4u(8u)));
  if (four % 4u == 0u) {
    let sums = pack_sums[first] + pack_sums[first + 1u] + pack_sums[first + 2u] +
               pack_sums[first + 3u];
    let scale = select(bitcast<f32>(top_bits | 0x7fc00000u), select(top / MOST, 0.0, is_zero),
                       is_finite);
    packed[at + 8u * n] = bitcast<u32>(scale);
    packed[at + 8u * n + 1u] = bitcast<u32>(scale * sums.x);
    packed[at + 8u * n + 2u] = bitcast<u32>(sums.y);
  }
}

// Four signed bytes.
fn word_of(bytes: vec4i) -> u32 {
  let b = (bitcast<vec4u>(bytes) & vec4u(255u)) << vec4u(0u, 8u, 16u, 24u);
  return b.x | b.y | b.z | b.w;
}
