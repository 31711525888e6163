// A workgroup attends with one head of a token to the positions [begin, end). It takes WORKGROUP
// positions at a time: scores (scores.wgsl); then weights by the softmax so far, one invocation to
// a position; then the sum of values, an invocation to eight numbers of every so many positions.
// What the token does not see is not read.
struct Attended {
  sum: vec4f, // of values times weights: four numbers, of the invocations below head_dim / 4
  most: f32, // score
  total: f32, // of weights, which are e^(score - most)
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
