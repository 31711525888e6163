// What is being read is nobody's garbage: a read that waits ends.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openBrowser } from '../../tools/lib/browser.mjs'
import { inRoot } from '../../tools/lib/paths.mjs'
import { serve, siteMounts } from '../../tools/lib/server.mjs'

test('Blobs are read to their end, whatever the garbage collector does', async () => {
  const mounts = { ...siteMounts, '/': inRoot('tests', 'browser', 'pages') }
  const server = await serve({ mounts })
  const browser = await openBrowser({ args: ['--js-flags=--expose-gc'] })
  try {
    const page = await browser.newPage()
    await page.goto(server.url)
    assert.equal(await page.evaluate(async () => (await import('/garbage.js')).read(32)), 32)
  } finally {
    await browser.close()
    await server.close()
  }
})
