// The chat page as its visitor uses it: load with progress, ask, stop, ask again, on a desktop and on
// a phone, by mouse and by keyboard. Screenshots go to build/screenshots.
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { openBrowser } from '../../tools/lib/browser.mjs'
import { inRoot } from '../../tools/lib/paths.mjs'
import { serve, siteMounts } from '../../tools/lib/server.mjs'
import { tinyPath } from '../js/lib/models.js'

const processors = Math.min(availableParallelism(), 8)
const threads = processors === 1 ? '1 thread' : `${processors} threads`
const shots = inRoot('build', 'screenshots')
const desktop = { viewport: { width: 1100, height: 760 } }
const phone = { viewport: { width: 360, height: 700 }, colorScheme: 'dark', hasTouch: true }
let server
let browser
let page
let problems

before(async () => {
  mkdirSync(shots, { recursive: true })
  server = await serve({ mounts: { ...siteMounts, '/tiny/': inRoot('models', 'tiny') } })
  browser = await openBrowser()
})
after(async () => {
  await browser?.close()
  await server?.close()
})
beforeEach(() => {
  problems = []
})
afterEach(async () => {
  await page?.close()
  assert.deepEqual(problems, [], 'nothing on the console')
})

async function open(options = desktop, path = '/') {
  page = await browser.newPage(options)
  page.on('pageerror', (error) => problems.push(String(error)))
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(message.text())
  })
  await page.goto(server.url + path)
}

const shot = (name) => page.screenshot({ path: join(shots, `${name}.png`) })
const inState = (state) => page.waitForSelector(`body[data-state=${state}]`, { timeout: 30_000 })
const answers = () => page.locator('.message.assistant:not(.busy)')

async function loadDefault() {
  await page.click('#load-default')
  await inState('ready')
}

async function ask(text) {
  const before = await answers().count()
  await page.fill('#question', text)
  await page.press('#question', 'Enter')
  await page.waitForSelector('.message.assistant.busy', { state: 'attached' }).catch(() => {})
  await answers().nth(before).waitFor({ timeout: 60_000 })
  return answers().nth(before)
}

test('load with progress, ask, read the answer and its speed', async () => {
  await open(desktop, '/?temperature=0&max_tokens=100')
  await shot('start')
  await page.evaluate(() => {
    globalThis.progressSeen = []
    const bar = document.getElementById('progress')
    new MutationObserver(() => globalThis.progressSeen.push(bar.value)).observe(bar, {
      attributes: true,
    })
  })
  await loadDefault()
  const seen = await page.evaluate(() => globalThis.progressSeen)
  assert.ok(seen.length >= 3 && seen.at(-1) > 0.5, `progress ${seen}`)
  assert.equal(await page.textContent('#model-name'), `SmolLM2 135M · relaxed · ${threads}`)
  assert.match(await page.getAttribute('#model-name', 'title'), /135 M parameters/)
  assert.equal(await page.evaluate(() => document.activeElement.id), 'question')

  const answer = await ask('What is the capital of France? Answer in one short sentence.')
  assert.match(await answer.locator('.body').textContent(), /Paris/)
  assert.match(await answer.locator('.facts').textContent(), /\d+\.\d tokens\/s · \d+ tokens/)
  const next = await ask('Write a haiku about rivers.')
  assert.match(await next.locator('.body').textContent(), /\w/)
  await shot('chat')

  await page.click('#new-chat')
  assert.equal(await page.locator('.message').count(), 0)
  await page.click('#change-model')
  await inState('start')
})

test('stop keeps what came and lets go on; by button and by Escape', async () => {
  await open(phone)
  await loadDefault()
  for (const stop of [() => page.click('#stop'), () => page.keyboard.press('Escape')]) {
    await page.fill('#question', 'Tell me a very long story about a lighthouse.')
    await page.press('#question', 'Enter')
    await page.waitForFunction(() => {
      const bodies = document.querySelectorAll('.message.busy .body')
      return bodies.length === 1 && bodies[0].textContent.length > 40
    })
    assert.equal(await page.isVisible('#send'), false)
    if (stop.toString().includes('click')) await shot('phone-busy')
    const begin = Date.now()
    await stop()
    await page.waitForSelector('.message.busy', { state: 'detached' })
    assert.ok(Date.now() - begin < 2_000)
    assert.equal(await page.isVisible('#send'), true)
    assert.equal(await page.locator('.problem').count(), 0)
    assert.equal(await page.textContent('#status'), 'Stopped')
  }
  const answer = await ask('Say hello.')
  assert.match(await answer.locator('.body').textContent(), /\w/)
  await shot('phone')
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  )
  assert.equal(overflow, 0, 'nothing is wider than the phone')
})

test('a file of the visitor, chosen or dropped', async () => {
  await open()
  await page.setInputFiles('#file', tinyPath())
  await inState('ready')
  assert.equal(await page.textContent('#model-name'), `tiny-q8_0.gguf · relaxed · ${threads}`)
  await page.click('#change-model')
  await page.setInputFiles(
    '#file',
    [1, 2, 3].map((n) => tinyPath(`f16-0000${n}-of-00003`)),
  )
  await inState('ready')
  await page.click('#change-model')
  await page.evaluate(async () => {
    const bytes = await (await fetch('/tiny/tiny-q4_0.gguf')).arrayBuffer()
    const dataTransfer = new DataTransfer()
    dataTransfer.items.add(new File([bytes], 'tiny-q4_0.gguf'))
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true }))
  })
  await inState('ready')
})

test('what is no model is refused in words, and another can be tried', async () => {
  await open({ ...desktop, colorScheme: 'dark' })
  await page.setInputFiles('#file', {
    name: 'notes.gguf',
    mimeType: 'text/plain',
    buffer: Buffer.from('these are not weights'),
  })
  await inState('failed')
  assert.match(await page.textContent('#failed-text'), /GGUF/)
  assert.equal(
    await page.textContent('#failed-advice'),
    'The file is not GGUF, or contradicts itself.',
  )
  await shot('failed')
  await page.keyboard.press('Enter') // the focus is on Back
  await inState('start')
  await page.setInputFiles('#file', tinyPath())
  await inState('ready')
})

test('loading can be cancelled', async () => {
  await open()
  await page.route('**/models/*', () => {}) // never answered
  await page.click('#load-default')
  await inState('loading')
  await shot('loading')
  await page.click('#cancel-load')
  await inState('start')
})

test('a conversation that is too long says so and can begin anew', async () => {
  await open(desktop, '/?model=/tiny/tiny-q8_0.gguf')
  await inState('ready')
  await page.fill('#question', 'word '.repeat(600))
  await page.press('#question', 'Enter')
  await page.waitForSelector('.problem')
  assert.match(await page.textContent('.problem'), /context/i)
  await page.click('#new-chat')
  await page.fill('#question', 'hello')
  assert.equal(await page.isEnabled('#send'), true)
})

test('what a model says never becomes markup', async () => {
  await open()
  const html = await page.evaluate(async () => {
    const { renderText } = await import('/render.js')
    const box = document.createElement('div')
    const text =
      '<img src=x onerror=alert(1)> **bold** `code <b>`\n\n```html\n<script>1</script>\n```\nend'
    box.append(...renderText(text))
    return box.innerHTML
  })
  assert.equal(
    html,
    '<p>&lt;img src=x onerror=alert(1)&gt; <strong>bold</strong> <code>code &lt;b&gt;</code></p>' +
      '<pre><code>&lt;script&gt;1&lt;/script&gt;</code></pre><p>end</p>',
  )
})
