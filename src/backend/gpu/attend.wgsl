// A workgroup attends with one head of a token to the positions [begin, end). It takes WORKGROUP
// positions at a time: scores, eight invocations to a position; then weights by the softmax so far,
// one invocation to a position; then the sum of values, an invocation to four numbers of every so
// many positions. What the token does not see is not read.
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
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> q: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> out: array<vec4f>;

const SHARES = 8u;
const MAX_FOURS = 128u; // of a head
const LEAST = -3e38;

var<workgroup> query: array<vec4f, MAX_FOURS>;
var<workgroup> rows: array<u32, WORKGROUP>; // of positions in the cache
var<workgroup> products: array<f32, WORKGROUP * SHARES>;
var<workgroup> weights: array<f32, WORKGROUP>;
var<workgroup> sums: array<vec4f, WORKGROUP>;

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

fn attend(t: u32, head: u32, begin: u32, end: u32, lane: u32) -> Attended {
  let fours = p.head_dim / 4u;
  for (var i = lane; i < fours; i += WORKGROUP) {
    query[i] = q[(t * p.n_head + head) * fours + i];
  }
  let kv_head = head / (p.n_head / p.n_head_kv);

  let summing = WORKGROUP / fours; // positions that are summed at a time
  let four = lane % fours;
  var most = LEAST;
  var total = 0.0; // of the weights of every WORKGROUP-th position
  var sum = vec4f();
  for (var first = begin; first < end; first += WORKGROUP) {
    let n = min(WORKGROUP, end - first);
    workgroupBarrier(); // the last rows and weights have been read
    if (lane < n) {
      let position = first + lane;
      rows[lane] =
        (page_of(t, p.group, position) * p.n_head_kv + kv_head) * 32u + position % 32u;
    }
    workgroupBarrier();
    for (var i = lane / SHARES; i < n; i += WORKGROUP / SHARES) {
      var product = 0.0;
      for (var j = lane % SHARES; j < fours; j += SHARES) {
        product += dot(query[j], key4(rows[i], j));
      }
      products[i * SHARES + lane % SHARES] = product;
    }
    workgroupBarrier();
    var score = LEAST;
    if (lane < n) {
      score = 0.0;
      for (var j = 0u; j < SHARES; j++) {
        score += products[lane * SHARES + j];
      }
      score *= p.scale;
      if (p.softcap != 0.0) {
        score = p.softcap * tanh_of(score / p.softcap);
      }
    }
    let highest = max(most, workgroup_max(score, lane));
    let weight = select(0.0, exp_of(score - highest), lane < n);
    let kept = exp(most - highest); // of what was summed with a lower maximum
    most = highest;
    total = total * kept + weight;
    weights[lane] = weight;
    workgroupBarrier();
    sum *= kept;
    for (var i = lane / fours; i < n && lane < summing * fours; i += summing) {
      sum += weights[i] * value4(rows[i], four);
    }
  }
  total = workgroup_sum(total, lane);
  sums[lane] = sum;
  workgroupBarrier();
  if (lane < fours) {
    for (var i = 1u; i < summing; i++) {
      sum += sums[i * fours + lane];
    }
  }
  return Attended(sum, most, total);
}
