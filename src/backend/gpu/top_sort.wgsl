// Entries of lists (logits.h) in workgroup memory, and their order. Parts: float_keys top_sort.
const NO_ID = 0xffffffffu;
const MINUS_INFINITY = 0xff800000u;

var<workgroup> keys: array<u32, TOP_CHUNK>;
var<workgroup> ids: array<u32, TOP_CHUNK>;

// Exchanges two entries unless the first belongs in front.
fn order(first: u32, second: u32) {
  let key = vec2u(keys[first], keys[second]);
  let id = vec2u(ids[first], ids[second]);
  if (key.x < key.y || (key.x == key.y && id.x > id.y)) {
    keys[first] = key.y;
    keys[second] = key.x;
    ids[first] = id.y;
    ids[second] = id.x;
  }
}

// Sorts all entries, of which each `run` are sorted already. Two runs become one as in a bitonic
// network: the first against the second backwards leaves the better half in front, either half
// falls and rises at most once, and is sorted by exchanges at ever smaller distances.
fn sort_runs(run: u32, lane: u32) {
  for (var half = run; half < TOP_CHUNK; half *= 2u) {
    workgroupBarrier();
    for (var i = lane; i < TOP_CHUNK / 2u; i += WORKGROUP) {
      let block = 2u * (i - i % half);
      order(block + i % half, block + 2u * half - 1u - i % half);
    }
    for (var apart = half / 2u; apart > 0u; apart /= 2u) {
      workgroupBarrier();
      for (var i = lane; i < TOP_CHUNK / 2u; i += WORKGROUP) {
        let first = 2u * i - i % apart;
        order(first, first + apart);
      }
    }
  }
  workgroupBarrier();
}
