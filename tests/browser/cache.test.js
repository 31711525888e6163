// The cache in the browser's own file system: kept across pages, resumed after an end,
// shared by tabs.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { after, before, beforeEach, test } from 'node:test'
import { openProfile } from '../../tools/lib/browser.mjs'
import { inRoot } from '../../tools/lib/paths.mjs'
import { serve, siteMounts } from '../../tools/lib/server.mjs'
import { realPath } from '../js/lib/models.js'

const url = '/models/SmolLM2-135M-Instruct.Q4_1.gguf'
const { size } = statSync(realPath)
let server
let context
let page
let text

before(async () => {
  const mounts = { ...siteMounts, '/': inRoot('tests', 'browser', 'pages') }
  server = await serve({ mounts })
  context = await openProfile()
  page = await newPage()
  text = (await run(page, 'load', { url, options: { cache: 'no-store' } })).text
})
after(async () => {
  await context?.close()
  await server?.close()
})
beforeEach(() => run(page, 'clear'))

async function newPage() {
  const made = await context.newPage()
  await made.goto(server.url)
  return made
}

/** Calls a function of pages/cache.js in a page. */
const run = (where, name, argument = {}) =>
  where.evaluate(
    async ([work, given]) => (await import('/cache.js'))[work](given),
    [name, argument],
  )

test('a model is fetched once', async () => {
  const first = await run(page, 'load', { url })
  assert.deepEqual([first.status, first.text, first.warnings], ['miss', text, []])
  const expected = { path: url, size, loaded: size, complete: true, verified: false }
  assert.deepEqual(await run(page, 'list'), [expected])
  const second = await run(page, 'load', { url })
  assert.deepEqual([second.status, second.fetched_bytes, second.text], ['hit', 0, text])
  const { usage } = await run(page, 'estimate')
  assert.equal(usage >= size, true)
  assert.equal(await run(page, 'remove', { url }), true)
  assert.deepEqual(await run(page, 'list'), [])
})

test('an aborted download goes on where it was', async () => {
  const { name } = await run(page, 'load', { url, abortAt: size / 2 })
  assert.equal(name, 'AbortError')
  const [{ loaded, complete }] = await run(page, 'list')
  assert.equal(complete, false)
  assert.equal(loaded > size / 2 - 24e6, true, `${loaded} bytes were kept`)
  const rest = await run(page, 'load', { url })
  assert.deepEqual([rest.status, rest.text], ['partial', text])
  assert.equal(rest.cached_bytes >= loaded, true)
  assert.equal(rest.fetched_bytes <= size - loaded, true)
})

test('two tabs share one download; one goes on when the other is closed', async () => {
  const other = await newPage()
  const both = await Promise.all([run(page, 'load', { url }), run(other, 'load', { url })])
  assert.deepEqual(
    both.map((loaded) => loaded.text),
    [text, text],
  )
  const fetched = both[0].fetched_bytes + both[1].fetched_bytes
  assert.equal(fetched <= size, true, JSON.stringify(both))

  await run(page, 'clear')
  const begun = run(other, 'load', { url, abortAt: size / 2 }).then(() => other.close())
  const survivor = await run(page, 'load', { url })
  await begun
  assert.deepEqual([survivor.text, survivor.warnings], [text, []])
})

test('sha256: what matches is verified once, what does not is thrown away', async () => {
  const sha256 = createHash('sha256').update(readFileSync(realPath)).digest('hex')
  const right = await run(page, 'load', { url, options: { sha256 } })
  assert.deepEqual([right.verified, right.text], [true, text])
  const again = await run(page, 'load', { url, options: { sha256 } })
  assert.deepEqual([again.status, again.verified], ['hit', true])
  const wrong = await run(page, 'load', { url, options: { sha256: 'b'.repeat(64) } })
  assert.equal(wrong.code, 'hash_mismatch')
  const kept = (await run(page, 'list')).filter(({ loaded }) => loaded > 0)
  assert.deepEqual(kept, [])
  const plain = await run(page, 'load', { url, options: { sha256, cache: 'no-store' } })
  assert.deepEqual([plain.status, plain.verified], ['bypass', true])
})

test('full storage: a warning, and the model loads', async () => {
  const session = await context.newCDPSession(page)
  const quota = (more) =>
    session.send('Storage.overrideQuotaForOrigin', { origin: server.url, ...more })
  await quota({ quotaSize: 50e6 })
  const sha256 = createHash('sha256').update(readFileSync(realPath)).digest('hex')
  try {
    for (const options of [{}, { sha256 }]) {
      const loaded = await run(page, 'load', { url, options })
      assert.deepEqual([loaded.text, loaded.verified], [text, Boolean(options.sha256)])
      assert.equal(loaded.warnings.length, 1)
      assert.match(loaded.warnings[0], /^cache_full: /)
      await run(page, 'clear')
    }
  } finally {
    await quota({})
  }
})
