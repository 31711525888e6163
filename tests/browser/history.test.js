// Conversations that stay: after a reload, renamed, deleted, taken out as a file and put in again.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { phone, quick, startSite, Visitor } from './lib/site.js'

let site

before(async () => {
  site = await startSite()
})
after(() => site?.close())

const titles = (page) => page.locator('#conversations .title').allTextContents()
const bodies = (page) => page.locator('.message .body').allTextContents()

test('a reload keeps conversations, their versions and which was open', async () => {
  const visitor = await Visitor.come(site, quick)
  const { page } = visitor
  await visitor.model('ready')
  await visitor.ask('First question')
  await page.getByRole('button', { name: 'Answer again' }).click()
  await page.getByText('2/2').waitFor()
  await visitor.answered()
  await page.click('#new-chat')
  await page.waitForFunction(() => !document.querySelector('.message'))
  await visitor.ask('Second question')
  assert.deepEqual(await titles(page), ['Second question', 'First question'])

  await page.locator('#conversations .open', { hasText: 'First' }).click()
  await page.getByText('2/2').waitFor()
  const before = await bodies(page)
  await page.reload()
  await visitor.ready()
  await page.getByText('2/2').waitFor()
  assert.deepEqual(await bodies(page), before)
  assert.deepEqual(await titles(page), ['Second question', 'First question'])
  assert.equal(await page.textContent('[aria-current=page] .title'), 'First question')
  await visitor.leave()
})

test('two tabs show what the other one does, and lose nothing of each other', async () => {
  const visitor = await Visitor.come(site, quick)
  const { page } = visitor
  await visitor.model('ready')
  await visitor.ask('From the first tab')
  const other = await visitor.context.newPage()
  await other.goto(page.url())
  await other.locator('#conversations .title', { hasText: 'From the first tab' }).waitFor()
  await visitor.ask('And more')
  await other.waitForFunction(() => document.querySelectorAll('.message.assistant').length === 2)
  const same = async () => assert.deepEqual(await bodies(other), await bodies(page))
  await other.waitForFunction(
    (text) => [...document.querySelectorAll('.message .body')].at(-1)?.textContent === text,
    (await bodies(page)).at(-1),
  )
  await same()
  await page.click('#new-chat')
  await visitor.ask('Another one')
  await other.locator('#conversations .title', { hasText: 'Another one' }).waitFor()
  assert.equal(await other.locator('.message.user').count(), 2)
  await other.close()
  await visitor.leave()
})

/** In the page: resolves once this much of the first answer is in the browser's database. */
async function keptAtLeast(length) {
  const result = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error)
    })
  const database = await result(indexedDB.open('sotto-chat'))
  for (let kept = -1; kept < length; ) {
    const store = database.transaction('conversations').objectStore('conversations')
    const [conversation] = await result(store.getAll())
    kept = conversation?.messages[1]?.content.length ?? -1
  }
  database.close()
}

test('an answer that a reload cuts off keeps what came', async () => {
  const visitor = await Visitor.come(site, '/?seed=1')
  const { page } = visitor
  await visitor.loadDefault()
  await visitor.send('Tell me a very long story about a lighthouse.')
  await visitor.streaming(60)
  const seen = (await bodies(page))[1]
  await page.evaluate(keptAtLeast, seen.length)
  await page.reload()
  await visitor.ready()
  await page.waitForSelector('.message.assistant')
  const kept = (await bodies(page))[1]
  assert.equal(kept.slice(0, 40), seen.slice(0, 40))
  await visitor.leave()
})

test('rename and delete', async () => {
  const visitor = await Visitor.come(site, quick)
  const { page } = visitor
  await visitor.model('ready')
  await visitor.ask('A question')
  await page.hover('#conversations li')
  await page.getByRole('button', { name: 'Rename A question' }).click()
  assert.equal(await page.inputValue('#prompt-input'), 'A question')
  await page.fill('#prompt-input', 'Rivers')
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Delete Rivers' }).waitFor({ state: 'attached' })
  assert.deepEqual(await titles(page), ['Rivers'])

  await page.hover('#conversations li')
  await page.getByRole('button', { name: 'Delete Rivers' }).click()
  await page.click('#confirm [data-close=no]')
  assert.deepEqual(await titles(page), ['Rivers'])
  await page.getByRole('button', { name: 'Delete Rivers' }).click()
  await page.click('#confirm-yes')
  await page.waitForFunction(() => !document.querySelector('#conversations li'))
  assert.deepEqual(await bodies(page), [])
  await page.reload()
  await visitor.ready()
  assert.deepEqual(await titles(page), [])
  await visitor.leave()
})

test('export gives a file that import takes, beside what is there', async () => {
  const visitor = await Visitor.come(site, quick)
  const { page } = visitor
  await visitor.model('ready')
  await visitor.ask('To be kept')
  const before = await bodies(page)
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Export all' }).click(),
  ])
  assert.match(download.suggestedFilename(), /^sotto-conversations-\d{4}-\d\d-\d\d\.json$/)
  const path = await download.path()
  const data = JSON.parse(readFileSync(path, 'utf8'))
  assert.equal(data.format, 'sotto-conversations')
  assert.equal(data.conversations[0].messages.length, 2)

  await page.setInputFiles('#import-file', path)
  await page.waitForFunction(() => document.querySelectorAll('#conversations li').length === 2)
  assert.deepEqual(await titles(page), ['To be kept', 'To be kept'])
  await page.waitForSelector('.message.assistant')
  assert.deepEqual(await bodies(page), before)

  const [single] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Export To be kept' }).first().click({ force: true }),
  ])
  assert.equal(single.suggestedFilename(), 'to-be-kept.json')
  await visitor.leave()
})

test('a file that is no export is refused, and nothing changes', async () => {
  const visitor = await Visitor.come(site)
  const { page } = visitor
  const put = (text) =>
    page.setInputFiles('#import-file', {
      name: 'file.json',
      mimeType: 'application/json',
      buffer: Buffer.from(text),
    })
  await put('no JSON')
  await page.getByText('This is not a JSON file').waitFor()
  await put('{"format": "other"}')
  await page.getByText('was not exported by sotto').waitFor()
  assert.deepEqual(await titles(page), [])
  await visitor.leave()
})

test('on a phone the list is a drawer that gets out of the way', async () => {
  const visitor = await Visitor.come(site, quick, phone)
  const { page } = visitor
  await visitor.model('ready')
  await visitor.ask('On a phone')
  assert.equal(await page.isVisible('#sidebar'), false)
  await page.tap('#sidebar-button')
  await page.waitForSelector('#sidebar:not([hidden])')
  await page.keyboard.press('Escape')
  assert.equal(await page.isVisible('#sidebar'), false)
  assert.equal(await page.evaluate(() => document.activeElement.id), 'sidebar-button')
  await page.tap('#sidebar-button')
  await page.tap('#new-chat')
  assert.equal(await page.isVisible('#sidebar'), false)
  assert.deepEqual(await bodies(page), [])
  await page.tap('#sidebar-button')
  await page.tap('#conversations .open')
  await page.waitForSelector('.message.assistant')
  assert.equal(await page.isVisible('#sidebar'), false)
  await visitor.leave()
})
