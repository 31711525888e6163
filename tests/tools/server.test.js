// The static server: headers, ranges, and nothing outside of its folders.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { serve } from '../../tools/lib/server.mjs'

let folder
let server

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'server-'))
  mkdirSync(join(folder, 'web'))
  writeFileSync(join(folder, 'secret.txt'), 'secret')
  writeFileSync(join(folder, 'web', 'index.html'), '<!doctype html>')
  writeFileSync(join(folder, 'web', 'digits'), '0123456789')
  writeFileSync(join(folder, 'web', '.hidden'), 'hidden')
  server = await serve({ mounts: { '/': join(folder, 'web') } })
})

after(async () => {
  await server.close()
  rmSync(folder, { recursive: true })
})

test('every answer isolates the page and allows no foreign script', async () => {
  for (const path of ['/', '/none']) {
    const { headers } = await fetch(server.url + path)
    assert.equal(headers.get('cross-origin-opener-policy'), 'same-origin')
    assert.equal(headers.get('cross-origin-embedder-policy'), 'require-corp')
    assert.match(headers.get('content-security-policy'), /script-src 'self' 'wasm-unsafe-eval'/)
  }
})

test('ranges', async () => {
  const get = async (range) => {
    const response = await fetch(`${server.url}/digits`, { headers: { range } })
    return [response.status, await response.text(), response.headers.get('content-range')]
  }
  assert.deepEqual(await get('bytes=2-4'), [206, '234', 'bytes 2-4/10'])
  assert.deepEqual(await get('bytes=8-'), [206, '89', 'bytes 8-9/10'])
  assert.deepEqual(await get('bytes=-3'), [206, '789', 'bytes 7-9/10'])
  assert.deepEqual(await get('bytes=5-99'), [206, '56789', 'bytes 5-9/10'])
  assert.deepEqual((await get('bytes=10-'))[0], 416)
  assert.deepEqual(await get('bytes=0-1,4-5'), [200, '0123456789', null])
})

test('a known version is not sent again', async () => {
  const first = await fetch(`${server.url}/digits`)
  const headers = { 'if-none-match': first.headers.get('etag') }
  assert.equal((await fetch(`${server.url}/digits`, { headers })).status, 304)
})

test('no path leads out of the folder', async () => {
  const { port } = new URL(server.url)
  const status = (path) =>
    new Promise((resolve, reject) => {
      const call = request({ port, path }, (response) => resolve(response.resume().statusCode))
      call.on('error', reject).end()
    })
  assert.equal(await status('/digits'), 200)
  for (const path of ['/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '/.hidden']) {
    assert.equal(await status(path), 404, path)
  }
})

test('headers can be replaced and left out', async () => {
  const more = { 'Content-Security-Policy': undefined, 'Cache-Control': 'no-store' }
  const bare = await serve({ mounts: { '/': join(folder, 'web') }, more })
  try {
    for (const path of ['/', '/none']) {
      const { headers } = await fetch(bare.url + path)
      assert.equal(headers.get('content-security-policy'), null)
      assert.equal(headers.get('cache-control'), 'no-store')
    }
  } finally {
    await bare.close()
  }
})
