// The benchmark's page for people who do not see it or use no mouse, and without a network.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import axe from 'axe-core'
import { tinyPath } from '../js/lib/models.js'
import { BenchVisitor, changed, plainFragment } from './lib/bench.js'
import { phone, startSite } from './lib/site.js'

let site

before(async () => {
  site = await startSite()
})
after(() => site?.close())

async function serious(page) {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate(() => globalThis.axe.run(document))
  return violations
    .filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .map(({ id, nodes }) => [
      id,
      ...nodes.map(({ html, any }) => `${html} ${any[0]?.message ?? ''}`),
    ])
}

for (const [name, options] of Object.entries({
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  phone: { ...phone, colorScheme: 'light' },
})) {
  test(`no serious finding of axe: ${name}`, async () => {
    // Colours in the middle of a transition are nobody's.
    const more = { ...options, reducedMotion: 'reduce' }
    const visitor = await BenchVisitor.come(site, '/bench.html?preset=quick&rounds=2', more)
    const { page } = visitor
    const check = async (state) => assert.deepEqual(await serious(page), [], state)
    await page.waitForSelector('#run:not(:disabled)')
    await check('choosing')
    await page.click('#bench-model-button')
    await check('models')
    await page.keyboard.press('Escape')
    await page.route('**/models/*.gguf', () => {}) // never answered
    await page.click('#run')
    await check('loading')
    await page.click('#cancel')
    await page.setInputFiles('#file', tinyPath())
    await visitor.run()
    await check('result')
    const disturbed = changed((r) => Object.assign(r.run, { disturbed: 2 }))
    await page.goto(`${site.server.url}/bench.html${plainFragment(disturbed)}`)
    await visitor.state('shared')
    await check('shared')
    await page.goto(`${site.server.url}/bench.html#r=nonsense`)
    await page.waitForSelector('#problem:not([hidden])')
    await check('broken link')
    await visitor.leave()
  })
}

test('by keyboard alone: choose a preset, run, share', async () => {
  const visitor = await BenchVisitor.come(site, '/bench.html?rounds=1')
  const { page } = visitor
  await page.setInputFiles('#file', tinyPath())
  await page.waitForFunction(() => document.activeElement.id === 'run')
  await page.focus('#preset-standard')
  await page.keyboard.press('ArrowLeft')
  assert.equal(await page.isChecked('#preset-quick'), true)
  await page.focus('#rounds')
  await page.keyboard.press('Enter')
  await visitor.state('result')
  assert.equal(await page.evaluate(() => document.activeElement.id), 'result')
  await page.keyboard.press('Tab')
  assert.equal(await page.evaluate(() => document.activeElement.id), 'run-again')
  await page.keyboard.press('Tab')
  assert.equal(await page.evaluate(() => document.activeElement.id), 'copy-link')
  await visitor.leave()
})

test('after one visit to the chat the benchmark runs without a network', async () => {
  const own = await startSite()
  const visitor = await BenchVisitor.come(own, '/', { serviceWorkers: 'allow' })
  const { page } = visitor
  await page.waitForSelector('html[data-offline=ready]', { state: 'attached' })
  await visitor.context.setOffline(true)
  await own.server.close() // nor is there anybody to ask
  for (const path of ['/bench', '/bench.html?preset=quick&rounds=1']) {
    await page.goto(own.server.url + path)
    await visitor.ready()
  }
  assert.equal(await page.evaluate(() => crossOriginIsolated), true)
  await page.setInputFiles('#file', tinyPath())
  await visitor.run()
  assert.match(await visitor.text('#tiles'), /tokens\/s/)
  await visitor.leave()
})
