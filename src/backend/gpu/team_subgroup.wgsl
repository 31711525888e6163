// Sums over each TEAM invocations that follow each other, which are one or several subgroups; all
// of them get it. team_shared.wgsl has the same functions.
const SUBGROUPS = TEAM / SUBGROUP; // of a team

var<workgroup> team_4: array<vec4f, WORKGROUP / SUBGROUP>;

fn team_sum4(x: vec4f, lane: u32) -> vec4f {
  var sum = subgroupAdd(x);
  if (SUBGROUPS > 1u) {
    workgroupBarrier(); // the last result has been read
    if (lane % SUBGROUP == 0u) {
      team_4[lane / SUBGROUP] = sum;
    }
    workgroupBarrier();
    let first = lane / TEAM * SUBGROUPS;
    sum = team_4[first];
    for (var i = 1u; i < SUBGROUPS; i++) {
      sum += team_4[first + i];
    }
  }
  return sum;
}

fn team_sum(x: f32, lane: u32) -> f32 {
  if (SUBGROUPS > 1u) {
    return team_sum4(vec4f(x), lane).x;
  }
  return subgroupAdd(x);
}
