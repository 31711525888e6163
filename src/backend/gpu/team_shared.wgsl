// Sums over each TEAM invocations that follow each other, in workgroup memory; all of them get it.
// team_subgroup.wgsl has the same functions.
var<workgroup> team_4: array<vec4f, WORKGROUP>;

const TEAM_PARTS = 4u;

fn team_sum4(x: vec4f, lane: u32) -> vec4f {
  let first = lane / TEAM * TEAM;
  workgroupBarrier(); // the last result has been read
  team_4[lane] = x;
  workgroupBarrier();
  if (lane < first + TEAM_PARTS) {
    var part = x;
    for (var i = lane + TEAM_PARTS; i < first + TEAM; i += TEAM_PARTS) {
      part += team_4[i];
    }
    team_4[lane] = part;
  }
  workgroupBarrier();
  return team_4[first] + team_4[first + 1u] + team_4[first + 2u] + team_4[first + 3u];
}

fn team_sum(x: f32, lane: u32) -> f32 {
  return team_sum4(vec4f(x), lane).x;
}
