// The library in Deno, whose worker_threads are not quite those of Node.js: the same logits,
// with threads that start, and nothing that is told of on the way.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { deno } from '../../../tools/setup/packages.mjs'
import { logitsDigest, tinyPath, withTiny } from '../lib/models.js'

const here = (path) => new URL(path, import.meta.url).href
const options = { skip: !existsSync(deno()) && 'no Deno; node tools/setup.mjs brings it' }
let folder
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'deno-'))
})
after(() => rmSync(folder, { recursive: true }))

/** What an engine in Deno with these permissions says of itself. */
async function inDeno(permissions, load) {
  const script = join(folder, 'script.mjs')
  writeFileSync(
    script,
    `import { loadModel } from '${here('../../../js/src/node.js')}'
    import { logitsDigest } from '${here('../lib/models.js')}'
    const engine = await loadModel(${JSON.stringify(tinyPath())}, ${JSON.stringify(load)})
    const { n_threads, n_threads_reason, gpu_refusal } = engine.info
    const info = { n_threads, n_threads_reason, gpu_refusal }
    console.log(JSON.stringify({ ...await logitsDigest(engine), ...info }))
    await engine.dispose()`,
  )
  const map = join(folder, 'imports.json')
  writeFileSync(map, JSON.stringify({ imports: { sotto: here('../../../js/src/node.js') } }))
  const args = ['run', '--no-prompt', '--no-lock', '--import-map', map, ...permissions, script]
  const env = { ...process.env, DENO_DIR: join(folder, 'dir'), DENO_NO_UPDATE_CHECK: '1' }
  const { stdout, stderr } = await promisify(execFile)(deno(), args, { env, timeout: 60_000 })
  assert.equal(stderr, '')
  return JSON.parse(stdout)
}

for (const permissions of [['--allow-all'], ['--allow-read']]) {
  test(`one thread and three, with ${permissions}`, options, async () => {
    const expected = await withTiny(logitsDigest, { n_threads: 1 })
    for (const n_threads of [1, 3]) {
      const { gpu_refusal, ...result } = await inDeno(permissions, { n_threads, n_ctx: 256 })
      assert.deepEqual(result, { ...expected, n_threads, n_threads_reason: '' })
      assert.match(gpu_refusal, /Deno/)
    }
  })
}
