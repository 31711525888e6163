// A workgroup writes the key and the value of one head of a token into the cache, four numbers an
// invocation, and says in `status` where they are not finite there. They are key_four(t, head, i)
// and value_four(t, head, i); p has n_head_kv, head_dim and group.
const MAX_FOURS = 128u; // of a head
const HAS_BLOCKS = K_TYPE == KV_Q8_0 || V_TYPE == KV_Q8_0;

// Of keys and of values: largest magnitudes of each four; quants, four to a word; scales of blocks.
var<workgroup> magnitudes: array<vec2f, MAX_FOURS>;
var<workgroup> quants: array<vec2u, MAX_FOURS>;
var<workgroup> scales: array<vec2u, MAX_FOURS / 8u>;

// Word j of a row of blocks, of which two are 17 words: the first scale in half a word, its quants
// from there on, the second scale, its quants.
fn word_of_blocks(j: u32) -> vec2u {
  let pair = j / 17u;
  let word = j % 17u;
  if (word > 8u) {
    return quants[16u * pair + word - 1u];
  }
  let four = 16u * pair + word;
  var low = scales[2u * pair];
  if (word > 0u) {
    low = quants[four - 1u] >> vec2u(16u);
  }
  var high = scales[2u * pair + 1u];
  if (word < 8u) {
    high = quants[four];
  }
  return low | (high << vec2u(16u));
}

fn kv_store(t: u32, head: u32, lane: u32) {
  let position = position_of(t);
  let page = page_of(t, p.group, position);
  let row = (page * p.n_head_kv + head) * 32u + position % 32u;
  let fours = p.head_dim / 4u;
  var finite = true;
  for (var i = lane; i < fours; i += WORKGROUP) {
    let key = key_four(t, head, i);
    let value = value_four(t, head, i);
    finite = finite && all_finite(key) && all_finite(value);
    let at = row * fours + i;
    if (K_TYPE == KV_F32) {
      let words = bitcast<vec4u>(key);
      K[4u * at] = words.x;
      K[4u * at + 1u] = words.y;
      K[4u * at + 2u] = words.z;
      K[4u * at + 3u] = words.w;
    } else if (K_TYPE == KV_F16) {
      let words = halves(key);
      K[2u * at] = words.x;
      K[2u * at + 1u] = words.y;
      finite = finite && largest(key) < HALF_OVERFLOWS;
    }
    if (V_TYPE == KV_F32) {
      let words = bitcast<vec4u>(value);
      V[4u * at] = words.x;
      V[4u * at + 1u] = words.y;
      V[4u * at + 2u] = words.z;
      V[4u * at + 3u] = words.w;
    } else if (V_TYPE == KV_F16) {
      let words = halves(value);
      V[2u * at] = words.x;
      V[2u * at + 1u] = words.y;
      finite = finite && largest(value) < HALF_OVERFLOWS;
    }
    magnitudes[i] = vec2f(largest(key), largest(value));
  }
  if (HAS_BLOCKS) {
    workgroupBarrier();
    for (var i = lane; i < fours; i += WORKGROUP) {
      var most = vec2f();
      for (var j = 0u; j < 8u; j++) {
        most = max(most, magnitudes[i / 8u * 8u + j]);
      }
      let d = most / 127.0;
      quants[i] = vec2u(quantised(key_four(t, head, i), d.x),
                        quantised(value_four(t, head, i), d.y));
      if (i % 8u == 0u) {
        scales[i / 8u] = vec2u(half_bits(d.x), half_bits(d.y));
      }
      finite = finite && (K_TYPE != KV_Q8_0 || d.x < HALF_OVERFLOWS) &&
               (V_TYPE != KV_Q8_0 || d.y < HALF_OVERFLOWS);
    }
    workgroupBarrier();
    let n_words = fours / 16u * 17u;
    for (var j = lane; j < n_words; j += WORKGROUP) {
      let words = word_of_blocks(j);
      if (K_TYPE == KV_Q8_0) {
        K[row * n_words + j] = words.x;
      }
      if (V_TYPE == KV_Q8_0) {
        V[row * n_words + j] = words.y;
      }
    }
  }
  if (!finite) {
    atomicMax(&status[0], 0xffffffffu - t);
  }
}
