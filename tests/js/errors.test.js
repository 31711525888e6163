// One table of error codes: what the core can report, what the sources throw and what the README
// lists are all in it, and nothing else is.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ERROR_CODES, SottoError } from 'sotto'
import { withoutCache } from '../../js/src/cache/problems.js'
import { packError, unpackError } from '../../js/src/errors.js'

const root = new URL('../../', import.meta.url)
const read = (path) => readFileSync(new URL(path, root), 'utf8')
const codes = Object.keys(ERROR_CODES)

const coreCodes = [...read('src/base/status.def').matchAll(/^X\(ERR_\w+, \d+, "(\w+)"\)/gm)].map(
  ([, code]) => code,
)
const sources = readdirSync(new URL('js/src/', root), { recursive: true })
  .filter((name) => name.endsWith('.js'))
  .map((name) => read(`js/src/${name}`))
  .join('\n')
const thrown = [...sources.matchAll(/new SottoError\(\s*'(\w+)'/g)].map(([, code]) => code)

test('every code of the core has its entry', () => {
  assert.ok(coreCodes.length > 15)
  assert.deepEqual(
    coreCodes.filter((code) => !codes.includes(code)),
    [],
  )
})

test('every code that the library throws has its entry, and every entry is thrown', () => {
  const used = new Set([...coreCodes, ...thrown])
  assert.deepEqual(
    [...used].filter((code) => !codes.includes(code)),
    [],
  )
  assert.deepEqual(
    codes.filter((code) => !used.has(code)),
    [],
  )
})

test("the README's table is this table", () => {
  const [, section] = read('js/README.md').split('## Errors')
  const rows = [...section.matchAll(/^\| `(\w+)` *\| (.+?) *\|$/gm)]
  const table = Object.fromEntries(rows.map(([, code, text]) => [code, text]))
  assert.deepEqual(table, { ...ERROR_CODES })
})

test('an error survives the way from the worker', () => {
  const details = { plan: { total: 7 }, field: 'x' }
  const error = new SottoError('invalid_argument', 'no', { details, cause: new Error('why') })
  const copy = unpackError(structuredClone(packError(error)))
  assert.ok(copy instanceof SottoError && copy instanceof Error)
  assert.equal(copy.name, 'SottoError')
  assert.equal(copy.code, 'invalid_argument')
  assert.equal(copy.message, 'no')
  assert.deepEqual(copy.details, details)
  assert.equal(copy.cause, 'Error: why')
  assert.equal(unpackError(packError(new TypeError('odd'))).code, 'internal_error')
})

test('storage is full where its error says so by name or code, whatever the words', () => {
  const code = (cause) => withoutCache('m.gguf', 'https://a.example/m.gguf', cause).code
  assert.equal(code(new DOMException('no room', 'QuotaExceededError')), 'cache_full')
  assert.equal(code(Object.assign(new Error('write'), { code: 'ENOSPC' })), 'cache_full')
  assert.equal(code(new Error('ENOSPC and Quota are words')), 'cache_unavailable')
  assert.equal(code('odd'), 'cache_unavailable')
})
