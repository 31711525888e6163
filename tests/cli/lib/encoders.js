// Tensor tables of encoders, for headers.js.

/**
 * Of BERT and nomic-bert: { name, type, shape }. `key` gives a value by the end of its key, `base`
 * is the type of most matrices.
 */
export function encoderTable(arch, key, base, vocab) {
  const [width, ffn] = [key('embedding_length'), key('feed_forward_length')]
  const table = []
  const matrix = (name, columns, rows, type = base) =>
    table.push({ name: `${name}.weight`, type, shape: [columns, rows] })
  const vectors = (name, n, kinds) => {
    for (const kind of kinds) table.push({ name: `${name}.${kind}`, type: 'F32', shape: [n] })
  }
  const isBert = arch === 'bert'
  matrix('token_embd', width, vocab)
  matrix('token_types', width, 2, 'F32')
  if (isBert) matrix('position_embd', width, key('context_length'), 'F32')
  vectors('token_embd_norm', width, ['weight', 'bias'])
  const matrices = isBert
    ? { attn_q: [width, width], attn_k: [width, width], attn_v: [width, width] }
    : { attn_qkv: [width, 3 * width], ffn_gate: [width, ffn] }
  Object.assign(matrices, {
    attn_output: [width, width],
    ffn_up: [width, ffn],
    ffn_down: [ffn, width],
  })
  for (let l = 0; l < key('block_count'); l++) {
    for (const [name, [columns, rows]] of Object.entries(matrices)) {
      matrix(`blk.${l}.${name}`, columns, rows)
      if (isBert) vectors(`blk.${l}.${name}`, rows, ['bias'])
    }
    for (const name of ['attn_output_norm', 'layer_output_norm']) {
      vectors(`blk.${l}.${name}`, width, ['weight', 'bias'])
    }
  }
  return table
}
