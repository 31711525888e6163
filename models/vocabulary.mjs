// A model's tokenizer without the model: a GGUF file of tokenizer.ggml.* made from a
// tokenizer.json, as converters write it. For the tests; set-up makes those of vocabularies.json.
//   node models/vocabulary.mjs TOKENIZER.json OUT.gguf [PRE]      PRE: tokenizer.ggml.pre
import { readFileSync } from 'node:fs'
import { isMain, main } from '../tools/lib/main.mjs'
import { say } from '../tools/lib/report.mjs'
import { writeGguf } from './gguf.mjs'

const NORMAL = 1
const UNKNOWN = 2
const CONTROL = 3
const USER_DEFINED = 4
const UNUSED = 5
const BYTE = 6

const string = (value) => ({ type: 8, value })
const bool = (value) => ({ type: 7, value: value ? 1 : 0 })
const id = (value) => ({ type: 4, value })
const array = (of, value) => ({ type: 9, of, value })

/**
 * Texts and kinds by id; ids that nothing has are unused, as in models whose embedding is padded.
 */
function tokensOf({ model, added_tokens: added }, sentencePiece) {
  const texts = []
  const kinds = []
  for (const [text, i] of Object.entries(model.vocab)) {
    texts[i] = text
    kinds[i] = sentencePiece && /^<0x[0-9A-F]{2}>$/.test(text) ? BYTE : NORMAL
  }
  for (const { id: i, content, special } of added) {
    const kind = special ? CONTROL : USER_DEFINED
    kinds[i] = content === model.unk_token ? UNKNOWN : kind
    // Converters of sentencepiece models write user-defined spaces as they stand in a text.
    texts[i] = sentencePiece && !special ? content.replaceAll('\u2581', ' ') : content
  }
  for (let i = 0; i < texts.length; i++) {
    texts[i] ??= `[PAD${i}]`
    kinds[i] ??= UNUSED
  }
  return { texts, kinds }
}

/**
 * tokenizer.json has merges where sentencepiece has scores: a piece's score is that of the first
 * merge that gives it. Pieces that no merge gives, single characters, need none.
 */
function scoresOf(texts, kinds, merges) {
  const ranks = new Map()
  for (const [rank, pair] of merges.entries()) {
    const text = pair.join('')
    if (!ranks.has(text)) ranks.set(text, rank)
  }
  const score = (text, i) => (kinds[i] === NORMAL ? -(ranks.get(text) ?? merges.length) : 0)
  return texts.map((text, i) => score(text, i) + 0)
}

/** BERT's: what begins a word gets U+2581, and what goes on in one loses its ##. */
function wordPieceMetadata(json) {
  const { texts, kinds } = tokensOf({ ...json, model: { vocab: json.model.vocab } }, false)
  const prefix = json.model.continuing_subword_prefix
  const marked = (text) => (text.startsWith(prefix) ? text.slice(prefix.length) : `\u2581${text}`)
  const metadata = new Map([
    ['general.architecture', string('bert')],
    ['tokenizer.ggml.model', string('bert')],
    ['tokenizer.ggml.pre', string('jina-v2-en')], // llama.cpp's name for BERT's words
    [
      'tokenizer.ggml.tokens',
      array(
        8,
        texts.map((t, i) => (kinds[i] === NORMAL ? marked(t) : t)),
      ),
    ],
    ['tokenizer.ggml.token_type', array(5, kinds)],
  ])
  const { lowercase, strip_accents: stripAccents } = json.normalizer
  metadata.set('tokenizer.ggml.normalizer.lowercase', bool(lowercase))
  if (typeof stripAccents === 'boolean') {
    metadata.set('tokenizer.ggml.normalizer.strip_accents', bool(stripAccents))
  }
  const roles = { bos: '[CLS]', eos: '[SEP]', unknown: '[UNK]', seperator: '[SEP]' }
  for (const [role, text] of Object.entries({ ...roles, padding: '[PAD]', mask: '[MASK]' })) {
    metadata.set(`tokenizer.ggml.${role}_token_id`, id(texts.indexOf(text)))
  }
  metadata.set('tokenizer.ggml.add_bos_token', bool(true))
  metadata.set('tokenizer.ggml.add_eos_token', bool(true))
  return metadata
}

/**
 * The metadata of a tokenizer. `pre` is for byte-level BPE; `roles` maps bos, eos to their texts.
 */
export function vocabularyMetadata(json, { pre, roles = {} } = {}) {
  if (json.model.type === 'WordPiece') return wordPieceMetadata(json)
  const sentencePiece = json.model.byte_fallback === true
  const { texts, kinds } = tokensOf(json, sentencePiece)
  const merges = json.model.merges.map((pair) => (Array.isArray(pair) ? pair : pair.split(' ')))
  const metadata = new Map([
    ['general.architecture', string('llama')],
    ['tokenizer.ggml.model', string(sentencePiece ? 'llama' : 'gpt2')],
    ['tokenizer.ggml.pre', string(sentencePiece ? 'default' : pre)],
    ['tokenizer.ggml.tokens', array(8, texts)],
    ['tokenizer.ggml.token_type', array(5, kinds)],
  ])
  if (sentencePiece) {
    const prefix = JSON.stringify(json.normalizer).includes('"Prepend"')
    metadata.set('tokenizer.ggml.scores', array(6, scoresOf(texts, kinds, merges)))
    metadata.set('tokenizer.ggml.add_space_prefix', bool(prefix))
  } else {
    const lines = merges.map((pair) => pair.join(' '))
    metadata.set('tokenizer.ggml.merges', array(8, lines))
  }
  for (const [role, text] of Object.entries(roles)) {
    metadata.set(`tokenizer.ggml.${role}_token_id`, id(texts.indexOf(text)))
  }
  return metadata
}

/** Writes the file; the same tokenizer.json gives the same bytes. */
export function makeVocabulary(source, target, options) {
  const json = JSON.parse(readFileSync(source, 'utf8'))
  writeGguf(target, vocabularyMetadata(json, options), [])
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const [source, target, pre = 'gpt-2'] = process.argv.slice(2)
    if (!target) throw new Error('usage: node models/vocabulary.mjs TOKENIZER.json OUT.gguf [PRE]')
    makeVocabulary(source, target, { pre })
    say(`${target} is written.`)
  })
}
