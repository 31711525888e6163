// Choosing and loading models on the built page: files, addresses, pausing, failing, what is kept.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { tinyPath } from '../js/lib/models.js'
import { quick, startSite, tiny, Visitor } from './lib/site.js'

let site

before(async () => {
  site = await startSite()
})
after(() => site?.close())

test('a file of the visitor, chosen or dropped', async () => {
  const visitor = await Visitor.come(site)
  const { page } = visitor
  const name = () => page.textContent('#model-name')
  await page.setInputFiles('#file', tinyPath())
  await visitor.model('ready')
  assert.equal(await name(), 'tiny-q8_0.gguf')
  const parts = [1, 2, 3].map((n) => tinyPath(`f16-0000${n}-of-00003`))
  await page.setInputFiles('#file', parts)
  await page.getByText('F16 ·').waitFor()
  assert.equal(await name(), 'tiny-f16-00001-of-00003.gguf')
  await page.evaluate(async () => {
    const bytes = await (await fetch('/tiny/tiny-q4_0.gguf')).arrayBuffer()
    const dataTransfer = new DataTransfer()
    dataTransfer.items.add(new File([bytes], 'tiny-q4_0.gguf'))
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true }))
  })
  await page.getByText('Q4_0 ·').waitFor()
  await visitor.model('ready')
  await visitor.leave()
})

test('an address of the visitor, and the memory that it would need', async () => {
  const visitor = await Visitor.come(site)
  const { page } = visitor
  await page.click('#model-button')
  await page.fill('#model-url', tiny)
  await page.click('#url-plan')
  await page.getByText(/Needs .*of weights, .* tokens of context/).waitFor()
  await page.fill('#model-url', 'mailto:nobody')
  await page.press('#model-url', 'Enter')
  assert.match(
    await page.evaluate(() => document.activeElement.validationMessage),
    /no web address/,
  )
  await page.evaluate(() => document.getElementById('model-url').setCustomValidity(''))
  await page.fill('#model-url', tiny)
  await page.press('#model-url', 'Enter')
  await visitor.model('ready')
  assert.equal(await page.textContent('#model-name'), 'tiny-q8_0.gguf')
  assert.equal(await page.locator('dialog[open]').count(), 0)
  await visitor.leave()
})

test("an address that the page's policy refuses: the card says so, and what to do", async () => {
  const visitor = await Visitor.come(site, '/', { expected: /Content Security Policy/ })
  const { page } = visitor
  await page.click('#model-button')
  await page.fill('#model-url', 'http://127.0.0.1:9/model.gguf')
  await page.press('#model-url', 'Enter')
  await visitor.model('failed')
  const text = await page.textContent('#failed-text')
  assert.match(text, /^http:.*Content-Security-Policy \(connect-src 'self' https:\) refuses/)
  assert.match(text, /take one that it allows, or a file$/)
  await visitor.leave()
})

test('what is no model is refused in words, and another can be tried', async () => {
  const visitor = await Visitor.come(site)
  const { page } = visitor
  const buffer = Buffer.from('these are not weights')
  await page.setInputFiles('#file', { name: 'notes.gguf', mimeType: 'text/plain', buffer })
  await visitor.model('failed')
  assert.match(await page.textContent('#failed-text'), /GGUF/)
  assert.match(await page.textContent('#failed-advice'), /^The file is not GGUF/)
  await page.keyboard.press('Enter') // the focus is on what helps
  await page.waitForSelector('#models[open]')
  await page.keyboard.press('Escape')
  await page.setInputFiles('#file', tinyPath())
  await visitor.model('ready')
  await visitor.leave()
})

test('a model over the memory limit says the numbers and loads with less', async () => {
  const visitor = await Visitor.come(site, '/?memory_budget=150')
  const { page } = visitor
  await page.click('#load-default:not(:disabled)')
  await visitor.model('failed')
  assert.match(
    await page.textContent('#failed-advice'),
    /Needs \d+ MB: 97 MB of weights.* It fits with [\d,]+ tokens of context/,
  )
  await page.getByRole('button', { name: 'smaller context' }).click()
  await visitor.model('loading')
  await page.getByText(/Needs 1\d\d MB: 97 MB of weights, .* 150 MB may be used/).waitFor()
  await visitor.model('ready')
  await visitor.leave()
})

test('a download can be paused, resumed and cancelled', async () => {
  const visitor = await Visitor.come(site)
  const { page } = visitor
  await page.route('**/models/*.gguf', () => {}) // never answered
  await page.click('#load-default:not(:disabled)')
  await visitor.model('loading')
  await page.click('#load-pause')
  await visitor.model('paused')
  assert.match(await page.textContent('#load-title'), /^Paused/)
  await page.click('#load-pause')
  await visitor.model('loading')
  await page.click('#load-cancel')
  await visitor.model('none')
  assert.equal(await page.isVisible('#load-default'), true)
  await page.unroute('**/models/*.gguf')
  await visitor.loadDefault()
  await visitor.leave()
})

test('a model that is not there says so and can be tried again', async () => {
  const visitor = await Visitor.come(site, '/', { expected: /404/ })
  const { page } = visitor
  await page.route('**/models/*.gguf', (route) => route.fulfill({ status: 404, body: '' }))
  await page.click('#load-default:not(:disabled)')
  await visitor.model('failed')
  assert.match(await page.textContent('#failed-text'), /404/)
  await page.unroute('**/models/*.gguf')
  await page.getByRole('button', { name: 'Try again' }).click()
  await visitor.model('ready')
  await visitor.leave()
})

test('sampling and loading can be set, and are kept', async () => {
  const visitor = await Visitor.come(site)
  const { page } = visitor
  await page.click('#settings-button')
  await page.fill('#set-temperature', '9')
  await page.fill('#set-seed', '1')
  await page.fill('#set-max_tokens', '3')
  await page.fill('#set-n_ctx', '256')
  await page.fill('#system', 'Answer in one word.')
  await page.press('#system', 'Tab')
  assert.equal(await page.inputValue('#set-temperature'), '2', 'within its range')
  await page.keyboard.press('Escape')
  await page.reload()
  await visitor.ready()
  await page.click('#settings-button')
  assert.equal(await page.inputValue('#set-temperature'), '2')
  assert.equal(await page.inputValue('#system'), 'Answer in one word.')
  await page.keyboard.press('Escape')
  await visitor.loadDefault()
  await visitor.ask('Hello')
  assert.match(await page.locator('.facts').textContent(), /3 tokens.*cut at the longest answer/)
  await page.waitForFunction(() =>
    /\/ 256$/.test(document.getElementById('context-text').textContent),
  )
  await visitor.leave()
})

// ---- what the library's cache keeps ----

test('a model is kept, listed, loaded again by itself, and deleted', async () => {
  const visitor = await Visitor.come(site)
  const { page } = visitor
  await visitor.loadDefault()
  await page.reload()
  await visitor.ready()
  await visitor.model('ready') // the one used last is here, so it is loaded
  await page.click('#statistics-button')
  assert.match(await page.textContent('#figure-cache'), /^hit: 9\d MB kept, 0 B fetched/)
  await page.keyboard.press('Control+k')
  const row = page.locator('#cached-models .row')
  await row.waitFor()
  assert.match(await row.textContent(), /SmolLM2-135M-Instruct\.Q4_1\.gguf98 MB · checksum matched/)
  assert.match(await page.textContent('#cache-usage'), /used of/)
  await row.getByRole('button', { name: /^Delete/ }).click()
  await page.waitForSelector('#cache-empty:not([hidden])')
  await page.keyboard.press('Escape')
  await page.reload()
  await visitor.ready()
  await page.waitForSelector('#load-default:not(:disabled)')
  assert.equal(await page.evaluate(() => document.body.dataset.model), 'none')
  await visitor.leave()
})

test('the open conversation is read while its model arrives', async () => {
  const visitor = await Visitor.come(site, quick)
  const { page } = visitor
  await visitor.model('ready')
  await visitor.ask('A question of some length, so that there is something to read')
  await page.reload()
  await visitor.ready()
  await visitor.model('ready')
  await visitor.ask('Another one')
  const { cache_n, prompt_n } = await visitor.lastFacts()
  assert.ok(cache_n > prompt_n, `${cache_n} tokens were read before, ${prompt_n} after`)
  await visitor.leave()
})

test('a paused download goes on from where it stopped', async () => {
  const visitor = await Visitor.come(site)
  const { page } = visitor
  let n = 0
  await page.route('**/models/*.gguf', (route) => (n++ < 2 ? route.continue() : undefined))
  await page.click('#load-default:not(:disabled)')
  await page.waitForFunction(() =>
    /\d\d MB of/.test(document.getElementById('load-text').textContent),
  )
  await page.click('#load-pause')
  await visitor.model('paused')
  assert.match(await page.textContent('#load-text'), /what is here is kept/)
  await page.unroute('**/models/*.gguf')
  await page.click('#load-pause')
  await visitor.model('ready')
  await page.click('#statistics-button')
  assert.match(await page.textContent('#figure-cache'), /^partial: \d+(\.\d)? MB kept/)
  await visitor.leave()
})
