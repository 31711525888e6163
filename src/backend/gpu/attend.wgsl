// A workgroup attends with one head of a token to the positions [begin, end). It takes WORKGROUP
// positions at a time: scores, SHARES invocations to a position; then weights by the softmax so far,
// one invocation to a position; then the sum of values, an invocation to eight numbers of every so
// many positions. Four positions are read before the first is used. What the token does not see is
// not read.
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

struct Attended {
  sum: vec4f, // of values times weights: four numbers, of the invocations below head_dim / 4
  most: f32, // score
  total: f32, // of weights, which are e^(score - most)
}

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

// Of n values, those of every `behind`-th position, times their weights.
fn weighted_values(n: u32, behind: u32, lane: u32) -> mat2x4f {
  let j = lane % eights();
  var sum = mat2x4f();
  for (var i = lane / eights(); i < n && lane < behind * eights(); i += 4u * behind) {
    let four = rows_of(i, behind, n);
    for (var k = 0u; k < 4u; k++) {
      let weight = select(0.0, weights[min(i + k * behind, n - 1u)], i + k * behind < n);
      sum += value8(four[k], j) * weight;
    }
  }
  return sum;
}

// Over all invocations with the same numbers of a head: four of them, of invocations that there are
// fours for.
fn sum_up(sum: mat2x4f, behind: u32, lane: u32) -> vec4f {
  let dim = 8u * eights();
  workgroupBarrier();
  for (var i = 0u; i < 8u && lane < behind * eights(); i++) {
    parts[8u * lane + i] = sum[i / 4u][i % 4u];
  }
  workgroupBarrier();
  for (var d = lane; d < dim; d += WORKGROUP) {
    var all = parts[d];
    for (var i = 1u; i < behind; i++) {
      all += parts[i * dim + d];
    }
    parts[d] = all;
  }
  workgroupBarrier();
  let d = 4u * lane % dim;
  return vec4f(parts[d], parts[d + 1u], parts[d + 2u], parts[d + 3u]);
}

fn attend(t: u32, head: u32, begin: u32, end: u32, lane: u32) -> Attended {
  let kv_head = head / (p.n_head / p.n_head_kv);
  let behind = WORKGROUP / eights(); // positions whose values are summed at a time
  var most = LEAST;
  var total = 0.0; // of the weights of every WORKGROUP-th position
  var sum = mat2x4f();
  load_query(t, head, lane);
  for (var first = begin; first < end; first += WORKGROUP) {
    let n = min(WORKGROUP, end - first);
    workgroupBarrier(); // the last rows and weights have been read
    if (lane < n) {
      let position = first + lane;
      rows[lane] =
        (page_of(t, p.group, position) * p.n_head_kv + kv_head) * 32u + position % 32u;
    }
    workgroupBarrier();
    multiply_keys(n, lane);
    workgroupBarrier();
    var score = LEAST;
    if (lane < n) {
      score = score_of(lane);
    }
    let highest = max(most, workgroup_max(score, lane));
    let weight = select(0.0, exp_of(score - highest), lane < n);
    let kept = exp(most - highest); // of what was summed with a lower maximum
    most = highest;
    total = total * kept + weight;
    weights[lane] = weight;
    workgroupBarrier();
    sum = sum * kept + weighted_values(n, behind, lane);
  }
  total = workgroup_sum(total, lane);
  return Attended(sum_up(sum, behind, lane), most, total);
}
