// The batch (batch.def).
@group(0) @binding(1) var<storage, read> batch: array<u32>;

const NONE = 0xffffffffu;

// Words of a sequence.
const SEQUENCE_WORDS = 8u;
const FIRST_TOKEN = 0u;
const N_TOKENS = 1u;
const N_BEFORE = 2u;
const STATE_BEFORE = 3u;
const PAGES_AT = 4u; // of layer group 0

fn token_of(t: u32) -> u32 {
  return batch[batch[BATCH_TOKENS_AT] + t];
}

fn position_of(t: u32) -> u32 {
  return batch[batch[BATCH_POSITIONS_AT] + t];
}

fn output_token(o: u32) -> u32 {
  return batch[batch[BATCH_OUTPUTS_AT] + o];
}

// A word of the sequence that token t belongs to.
fn sequence_of(t: u32, word: u32) -> u32 {
  let sequence = batch[batch[BATCH_SEQS_AT] + t];
  return batch[batch[BATCH_SEQUENCES_AT] + SEQUENCE_WORDS * sequence + word];
}

// The page of a position in a layer group of token t's sequence.
fn page_of(t: u32, group: u32, position: u32) -> u32 {
  return batch[sequence_of(t, PAGES_AT + group) + position / 32u];
}
