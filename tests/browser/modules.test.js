// The built modules compile in the browser, on a page that is isolated and allows
// no foreign script.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openBrowser } from '../../tools/lib/browser.mjs'
import { serve, siteMounts } from '../../tools/lib/server.mjs'

let folder
let server
let browser
let page

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'page-'))
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>modules</title>')
  server = await serve({ mounts: { ...siteMounts, '/': folder } })
  browser = await openBrowser()
  page = await browser.newPage()
  await page.goto(server.url)
})

after(async () => {
  await browser?.close()
  await server?.close()
  rmSync(folder, { recursive: true })
})

test('the page may share memory between threads', async () => {
  assert.equal(await page.evaluate(() => crossOriginIsolated), true)
})

for (const variant of ['simd128', 'relaxed']) {
  test(`sotto-${variant} compiles and starts in a memory made by the page`, async () => {
    const size = await page.evaluate(async (name) => {
      const { default: createSotto } = await import(`/build/web/${name}.mjs`)
      const wasmMemory = new WebAssembly.Memory({ initial: 80, maximum: 160 })
      const module = await createSotto({ wasmMemory })
      return module.wasmMemory.buffer.byteLength
    }, `sotto-${variant}`)
    assert.equal(size, 80 * 65536)
  })
}
