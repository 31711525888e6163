// Sums and maxima over a workgroup of whole subgroups, which are of 4 or more invocations that
// follow each other; all invocations get them. reduce_shared.wgsl has the same functions.
var<workgroup> reduce_1: array<f32, WORKGROUP / 4u>;
var<workgroup> reduce_4: array<vec4f, WORKGROUP / 4u>;

fn workgroup_sum(x: f32, lane: u32) -> f32 {
  let size = subgroupAdd(1u);
  let part = subgroupAdd(x);
  workgroupBarrier(); // the last result has been read
  if (lane % size == 0u) {
    reduce_1[lane / size] = part;
  }
  workgroupBarrier();
  var sum = reduce_1[0];
  for (var i = 1u; i < WORKGROUP / size; i++) {
    sum += reduce_1[i];
  }
  return sum;
}

fn workgroup_sum4(x: vec4f, lane: u32) -> vec4f {
  let size = subgroupAdd(1u);
  let part = subgroupAdd(x);
  workgroupBarrier();
  if (lane % size == 0u) {
    reduce_4[lane / size] = part;
  }
  workgroupBarrier();
  var sum = reduce_4[0];
  for (var i = 1u; i < WORKGROUP / size; i++) {
    sum += reduce_4[i];
  }
  return sum;
}

fn workgroup_max(x: f32, lane: u32) -> f32 {
  let size = subgroupAdd(1u);
  let part = subgroupMax(x);
  workgroupBarrier();
  if (lane % size == 0u) {
    reduce_1[lane / size] = part;
  }
  workgroupBarrier();
  var most = reduce_1[0];
  for (var i = 1u; i < WORKGROUP / size; i++) {
    most = max(most, reduce_1[i]);
  }
  return most;
}
