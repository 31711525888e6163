// Scores of the positions that one head of a token attends to, WORKGROUP at a time, SHARES
// invocations to a position. Four positions are read before the first is used.
struct Params {
  n_head: u32,
  n_head_kv: u32,
  head_dim: u32,
  group: u32,
  n_pages: u32,
  scale: f32,
  softcap: f32,
  window: u32,
  causal: u32,
  packs: u32, // attention_part has nothing to pack
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> q: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> out: array<vec4f>;

const SHARES = 8u;
const MAX_EIGHTS = 64u; // of a head
const LEAST = -3e38;

var<workgroup> query: array<mat2x4f, MAX_EIGHTS>;
var<workgroup> rows: array<u32, WORKGROUP>; // of positions in the cache
var<workgroup> weights: array<f32, WORKGROUP>;
// Parts of products, SHARES for a position; in the end of sums of values, head_dim side by side.
var<workgroup> parts: array<f32, WORKGROUP * SHARES>;

// The positions that a token sees.
fn visible(t: u32) -> vec2u {
  var end = position_of(t) + 1u;
  if (p.causal == 0u) {
    end = sequence_of(t, N_BEFORE) + sequence_of(t, N_TOKENS);
  }
  return vec2u(select(0u, end - p.window, p.window != 0u && end > p.window), end);
}

fn load_query(t: u32, head: u32, lane: u32) {
  let fours = p.head_dim / 4u;
  let at = (t * p.n_head + head) * fours;
  for (var i = lane; i < eights(); i += WORKGROUP) {
    var own = mat2x4f(q[at + 2u * i], vec4f());
    if (2u * i + 1u < fours) {
      own[1] = q[at + 2u * i + 1u];
    }
    query[i] = own;
  }
}

// Of four positions, i and those so many behind it, the last of n in place of what is behind it.
fn rows_of(i: u32, behind: u32, n: u32) -> vec4u {
  let last = n - 1u;
  return vec4u(rows[i], rows[min(i + behind, last)], rows[min(i + 2u * behind, last)],
               rows[min(i + 3u * behind, last)]);
}

// Parts of the products of the query with n keys.
fn multiply_keys(n: u32, lane: u32) {
  const BEHIND = WORKGROUP / SHARES;
  for (var i = lane / SHARES; i < n; i += 4u * BEHIND) {
    let four = rows_of(i, BEHIND, n);
    var own = vec4f();
    for (var j = lane % SHARES; j < eights(); j += SHARES) {
      let x = query[j];
      for (var k = 0u; k < 4u; k++) {
        let key = key8(four[k], j);
        own[k] += dot(x[0], key[0]) + dot(x[1], key[1]);
      }
    }
    for (var k = 0u; k < 4u && i + k * BEHIND < n; k++) {
      parts[(i + k * BEHIND) * SHARES + lane % SHARES] = own[k];
    }
  }
}

fn score_of(i: u32) -> f32 {
  var score = 0.0;
  for (var j = 0u; j < SHARES; j++) {
    score += parts[i * SHARES + j];
  }
  score *= p.scale;
  if (p.softcap != 0.0) {
    score = p.softcap * tanh_of(score / p.softcap);
  }
  return score;
}
