// Models of another origin, in a real browser: what a page is not allowed to see must do no harm,
// and a network that goes away and comes back is waited for.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, beforeEach, test } from 'node:test'
import { openBrowser } from '../../tools/lib/browser.mjs'
import { inRoot } from '../../tools/lib/paths.mjs'
import { headers, serve, siteMounts } from '../../tools/lib/server.mjs'
import { logitsDigest, tinyBytes, withTiny } from '../js/lib/models.js'

const file = tinyBytes()
const policy = headers['Content-Security-Policy'].replace('connect-src', 'connect-src http:')
let server
let browser
let page
let expected
let models
/** Answers one request to the models' server: (request, response, number). */
let handle
let requests

before(async () => {
  const mounts = {
    ...siteMounts,
    '/lib/': inRoot('tests', 'js', 'lib'),
    '/': inRoot('tests', 'browser', 'pages'),
  }
  server = await serve({ mounts, more: { 'Content-Security-Policy': policy } })
  models = createServer((request, response) => {
    requests.push({ method: request.method, range: request.headers.range })
    response.setHeader('access-control-allow-origin', '*')
    handle(request, response, requests.length)
  })
  await new Promise((resolve) => models.listen(0, '127.0.0.1', resolve))
  browser = await openBrowser()
  page = await browser.newPage()
  await page.goto(server.url)
  expected = await withTiny(logitsDigest)
})
beforeEach(() => {
  requests = []
})
after(async () => {
  await browser?.close()
  await server?.close()
  models?.close()
  models?.closeAllConnections()
})

const address = () => `http://127.0.0.1:${models.address().port}/tiny.gguf`
const digest = (given) => page.evaluate(async (a) => (await import('/work.js')).digest(a), given)

/**
 * The range that was asked for, with headers that no page of another origin sees but the length.
 */
function part(request, response) {
  const [, from, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range)
  const end = Math.min(file.length, last ? Number(last) + 1 : file.length)
  const body = file.subarray(Number(from), end)
  const range = `bytes ${from}-${end - 1}/${file.length}`
  response.writeHead(206, { 'content-range': range, 'content-length': body.length, etag: '"1"' })
  return body
}

test('a server that exposes no headers, and breaks off', async () => {
  handle = (request, response, count) => {
    const body = part(request, response)
    if (count !== 2) return response.end(body)
    response.write(body.subarray(0, 50_000), () => response.destroy())
  }
  const { digest: found } = await digest({ source: address(), options: { retry: { pauseMs: 1 } } })
  assert.equal(found, expected.digest)
  assert.ok(
    requests.every(({ method }) => method === 'GET'),
    'no preflights',
  )
  assert.ok(requests.length >= 3)
})

test('a network that goes away is waited for', async () => {
  let cut
  const sent = new Promise((resolve) => {
    handle = (request, response, count) => {
      response.setHeader('access-control-expose-headers', 'content-range, etag')
      const body = part(request, response)
      if (count > 1) return response.end(body)
      cut = () => response.destroy()
      response.write(body.subarray(0, 50_000), resolve)
    }
  })
  // A page that is told to be offline knows it, and its workers do not: so it does the fetching.
  const options = { retry: { attempts: 2 }, fetch: 'own' }
  const module = page.waitForEvent('requestfinished', (request) => /\.wasm$/.test(request.url()))
  const loading = digest({ source: `${address()}?offline`, options })
  await Promise.all([sent, module])
  await page.context().setOffline(true)
  cut()
  assert.equal(await page.evaluate(() => navigator.onLine), false)
  assert.equal(requests.length, 1)
  await page.context().setOffline(false)
  const { digest: found } = await loading
  assert.equal(found, expected.digest)
  assert.ok(requests.length > 1)
})
