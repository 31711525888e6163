// Sums and maxima over a workgroup of a power of two, in workgroup memory; all invocations get
// them. reduce_subgroup.wgsl has the same functions.
var<workgroup> reduce_1: array<f32, WORKGROUP>;
var<workgroup> reduce_4: array<vec4f, WORKGROUP>;

fn workgroup_sum(x: f32, lane: u32) -> f32 {
  workgroupBarrier(); // the last result has been read
  reduce_1[lane] = x;
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      reduce_1[lane] += reduce_1[lane + half];
    }
  }
  workgroupBarrier();
  return reduce_1[0];
}

fn workgroup_sum4(x: vec4f, lane: u32) -> vec4f {
  workgroupBarrier();
  reduce_4[lane] = x;
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      reduce_4[lane] += reduce_4[lane + half];
    }
  }
  workgroupBarrier();
  return reduce_4[0];
}

fn workgroup_max(x: f32, lane: u32) -> f32 {
  workgroupBarrier();
  reduce_1[lane] = x;
  for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      reduce_1[lane] = max(reduce_1[lane], reduce_1[lane + half]);
    }
  }
  workgroupBarrier();
  return reduce_1[0];
}
