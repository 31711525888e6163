// The service worker: the page without a network, threads without the host's headers,
// a new version.
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { inRoot } from '../../tools/lib/paths.mjs'
import { tinyPath } from '../js/lib/models.js'
import { quick, startSite, Visitor } from './lib/site.js'

/** A host that can send files and nothing else. */
const bare = {
  'Content-Security-Policy': undefined,
  'Cross-Origin-Opener-Policy': undefined,
  'Cross-Origin-Embedder-Policy': undefined,
  'Cross-Origin-Resource-Policy': undefined,
}
const allowed = { serviceWorkers: 'allow' }
let folder

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'site-'))
})
after(() => rmSync(folder, { recursive: true }))

const offlineReady = (page) =>
  page.waitForSelector('html[data-offline=ready]', { state: 'attached' })

test('after one visit the page works without a network, model of the visitor and all', async () => {
  const site = await startSite()
  const visitor = await Visitor.come(site, quick, allowed)
  const { page } = visitor
  await visitor.model('ready')
  await visitor.ask('Before')
  await offlineReady(page)
  await visitor.context.setOffline(true)
  await site.server.close() // nor is there anybody to ask
  await page.goto(`${site.server.url}/?max_tokens=6&seed=1`)
  await visitor.ready()
  await page.waitForSelector('.message.assistant')
  assert.equal(await page.evaluate(() => crossOriginIsolated), true)
  await page.setInputFiles('#file', tinyPath())
  await visitor.model('ready')
  await visitor.ask('After')
  assert.equal(await page.locator('.message.user').count(), 2)
  await visitor.leave()
})

test('on a host without headers the page isolates itself and has threads', async () => {
  const site = await startSite({ more: bare })
  const visitor = await Visitor.come(site, '/', allowed)
  const { page } = visitor
  await page.waitForFunction(() => globalThis.crossOriginIsolated)
  await visitor.ready()
  await visitor.loadDefault()
  const facts = await page.textContent('#model-facts')
  assert.doesNotMatch(facts, / 1 thread$/)
  assert.equal(await page.locator('.notice').count(), 0)
  await visitor.leave()
  await site.close()
})

test('without a service worker either, one thread computes and the page says why', async () => {
  const site = await startSite({ more: bare })
  const visitor = await Visitor.come(site)
  const { page } = visitor
  await page.getByText('The model runs on one thread').waitFor()
  await visitor.loadDefault()
  assert.match(await page.textContent('#model-facts'), / 1 thread$/)
  await visitor.leave()
  await site.close()
})

test('models and other ranges pass the service worker by', async () => {
  const site = await startSite()
  const visitor = await Visitor.come(site, '/', allowed)
  const { page } = visitor
  await offlineReady(page)
  await page.reload()
  await visitor.ready()
  const served = []
  visitor.context.on('response', (response) => {
    served.push([new URL(response.url()).pathname, response.fromServiceWorker()])
  })
  await visitor.loadDefault()
  const models = served.filter(([path]) => path.endsWith('.gguf'))
  assert.ok(models.length > 0 && models.every(([, worker]) => !worker))
  const kept = await page.evaluate(async () => {
    const names = await caches.keys()
    const requests = await Promise.all(names.map(async (n) => (await caches.open(n)).keys()))
    return requests.flat().map(({ url }) => new URL(url).pathname)
  })
  assert.ok(kept.includes('/') && kept.includes('/app/app.js'))
  assert.ok(kept.every((path) => !/gguf|tiny/.test(path)))
  await visitor.leave()
  await site.close()
})

test('a new version waits until the visitor wants it', async () => {
  cpSync(inRoot('build', 'site'), folder, { recursive: true })
  const site = await startSite({ mounts: { '/': folder } })
  const visitor = await Visitor.come(site, '/', allowed)
  const { page } = visitor
  await offlineReady(page)
  const worker = join(folder, 'sw.js')
  const newer = readFileSync(worker, 'utf8').replace(/`[0-9a-f]{16}`/, '`0123456789abcdef`')
  writeFileSync(worker, newer)
  const sheet = join(folder, 'style.css')
  writeFileSync(sheet, `${readFileSync(sheet, 'utf8')}\n:root { --newer: 1 }\n`)
  const isNewer = () =>
    page.evaluate(() =>
      getComputedStyle(document.documentElement).getPropertyValue('--newer').trim(),
    )
  await page.reload()
  await visitor.ready()
  await page.getByText('A new version of this page is ready').waitFor()
  assert.equal(await isNewer(), '')
  const reloaded = page.waitForEvent('load')
  await page.getByRole('button', { name: 'Reload' }).click()
  await reloaded
  await visitor.ready()
  assert.equal(await isNewer(), '1')
  const names = await page.evaluate(() => caches.keys())
  assert.deepEqual(names, ['sotto-site-0123456789abcdef'])
  await visitor.leave()
  await site.close()
})
