// Sums and maxima over a workgroup of a multiple of 16, in workgroup memory; all invocations get
// them. On two levels, since the barriers of a deep tree cost more than these additions.
// reduce_subgroup.wgsl has the same functions.
var<workgroup> reduce_1: array<f32, WORKGROUP>;
var<workgroup> reduce_4: array<vec4f, WORKGROUP>;

const REDUCE_PARTS = 16u;

fn workgroup_sum(x: f32, lane: u32) -> f32 {
  workgroupBarrier(); // the last result has been read
  reduce_1[lane] = x;
  workgroupBarrier();
  if (lane < REDUCE_PARTS) {
    var part = x;
    for (var i = lane + REDUCE_PARTS; i < WORKGROUP; i += REDUCE_PARTS) {
      part += reduce_1[i];
    }
    reduce_1[lane] = part;
  }
  workgroupBarrier();
  var sum = reduce_1[0];
  for (var i = 1u; i < REDUCE_PARTS; i++) {
    sum += reduce_1[i];
  }
  return sum;
}

fn workgroup_sum4(x: vec4f, lane: u32) -> vec4f {
  workgroupBarrier();
  reduce_4[lane] = x;
  workgroupBarrier();
  if (lane < REDUCE_PARTS) {
    var part = x;
    for (var i = lane + REDUCE_PARTS; i < WORKGROUP; i += REDUCE_PARTS) {
      part += reduce_4[i];
    }
    reduce_4[lane] = part;
  }
  workgroupBarrier();
  var sum = reduce_4[0];
  for (var i = 1u; i < REDUCE_PARTS; i++) {
    sum += reduce_4[i];
  }
  return sum;
}

fn workgroup_max(x: f32, lane: u32) -> f32 {
  workgroupBarrier();
  reduce_1[lane] = x;
  workgroupBarrier();
  if (lane < REDUCE_PARTS) {
    var part = x;
    for (var i = lane + REDUCE_PARTS; i < WORKGROUP; i += REDUCE_PARTS) {
      part = max(part, reduce_1[i]);
    }
    reduce_1[lane] = part;
  }
  workgroupBarrier();
  var most = reduce_1[0];
  for (var i = 1u; i < REDUCE_PARTS; i++) {
    most = max(most, reduce_1[i]);
  }
  return most;
}
