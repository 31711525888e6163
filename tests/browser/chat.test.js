// Chatting on the built page: load with progress, ask, stop, ask again, edit and switch versions;
// by mouse and by keyboard, on a desktop and on a phone.
import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { after, before, test } from 'node:test'
import { fields } from '../../web/src/settings.js'
import { withTiny } from '../js/lib/models.js'
import { phone, quick, startSite, tiny, Visitor } from './lib/site.js'

const processors = Math.min(availableParallelism(), 8)
const threads = processors === 1 ? '1 thread' : `${processors} threads`
const repeatable = '/?temperature=0&max_tokens=48'
let site

before(async () => {
  site = await startSite()
})
after(() => site?.close())

test('load with progress, ask, read the answer, its figures and the context', async () => {
  const visitor = await Visitor.come(site, repeatable)
  const { page } = visitor
  await page.evaluate(() => {
    globalThis.progressSeen = []
    const bar = document.getElementById('load-progress')
    new MutationObserver(() => globalThis.progressSeen.push(bar.value)).observe(bar, {
      attributes: true,
    })
  })
  await visitor.loadDefault()
  const seen = await page.evaluate(() => globalThis.progressSeen)
  assert.ok(
    seen.some((value) => value > 0 && value < 1),
    `progress ${seen}`,
  )
  assert.equal(await page.textContent('#model-name'), 'SmolLM2 135M Instruct')
  assert.equal(await page.textContent('#model-facts'), `Q4_1 · relaxed · ${threads}`)
  assert.match(await page.getAttribute('#model-button', 'title'), /135 M parameters/)
  assert.equal(await page.evaluate(() => document.activeElement.id), 'question')

  const question = 'What is the capital of France? Answer in one short sentence.'
  assert.match(await visitor.ask(question), /Paris/)
  const facts = await page.locator('.message.assistant .facts').textContent()
  assert.match(facts, /\d+ tokens · \d+(\.\d)? tokens\/s · first after/)
  assert.match(await page.textContent('#context-text'), /^\d+ \/ 4,096$/)
  assert.match(await page.locator('#conversations .title').textContent(), /^What is the capital/)

  await page.click('#statistics-button')
  assert.match(await page.textContent('#figure-first'), /s$/)
  assert.match(await page.textContent('#figure-decode'), /tokens\/s$/)
  assert.match(await page.textContent('#figure-memory'), /MB, at most/)
  assert.equal(await page.textContent('#figure-threads'), threads)
  assert.match(await page.textContent('#why-list'), /relaxed SIMD.*Q4_1 weights/)
  await page.waitForSelector('#chart-speed canvas')
  const again = await visitor.ask('And of Italy?')
  assert.match(again, /\w/)
  assert.match(await page.textContent('#why-list'), /prompt tokens were still in the KV cache/)
  await visitor.leave()
})

test('stop keeps what came and lets go on; by button and by Escape', async () => {
  const visitor = await Visitor.come(site, '/', phone)
  const { page } = visitor
  await visitor.loadDefault()
  for (const stop of [() => page.click('#stop'), () => page.keyboard.press('Escape')]) {
    await visitor.send('Tell me a very long story about a lighthouse.')
    await visitor.streaming(40)
    assert.equal(await page.isVisible('#send'), false)
    await stop()
    await visitor.answered()
    assert.equal(await page.isVisible('#send'), true)
    assert.equal(await page.locator('.problem').count(), 0)
    assert.match(await page.locator('.facts').last().textContent(), /stopped/)
    assert.ok((await visitor.answers().last().locator('.body').textContent()).length > 40)
  }
  assert.match(await visitor.ask('Say hello.'), /\w/)
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  )
  assert.equal(overflow, 0, 'nothing is wider than the phone')
  await visitor.leave()
})

test('answer again and edit make versions to switch between', async () => {
  const visitor = await Visitor.come(site, '/?max_tokens=12&seed=1')
  const { page } = visitor
  const bodies = () => page.locator('.message .body').allTextContents()
  await visitor.loadDefault()
  await visitor.ask('Name a colour.')
  const first = await bodies()

  await page.getByRole('button', { name: 'Answer again' }).click()
  await page.getByText('2/2').waitFor()
  await visitor.answered()
  assert.equal((await bodies()).length, 2)
  await page.getByRole('button', { name: 'Earlier version' }).click()
  await page.getByText('1/2').waitFor()
  assert.deepEqual(await bodies(), first)

  // A second pair of messages hangs on the first version alone.
  await visitor.ask('Name a fruit.')
  assert.equal((await bodies()).length, 4)
  await page
    .locator('.message.assistant')
    .first()
    .getByRole('button', { name: 'Later version' })
    .click()
  assert.equal((await bodies()).length, 2)
  await page.getByRole('button', { name: 'Earlier version' }).click()
  assert.equal((await bodies()).length, 4)

  // By keyboard: the arrow in the empty field edits the last question, Escape gives it up.
  await page.focus('#question')
  await page.keyboard.press('ArrowUp')
  await page.waitForSelector('.editor')
  await page.keyboard.press('Escape')
  assert.equal(await page.locator('.editor').count(), 0)
  await page.focus('#question')
  await page.keyboard.press('ArrowUp')
  assert.equal(await page.inputValue('.editor textarea'), 'Name a fruit.')
  await page.fill('.editor textarea', 'Name a river.')
  await page.keyboard.press('Enter')
  await visitor.answered()
  assert.equal((await bodies())[2], 'Name a river.')
  const question = page.locator('.message.user').nth(1)
  await question.getByText('2/2').waitFor()
  await question.getByRole('button', { name: 'Earlier version' }).click()
  assert.equal((await bodies())[2], 'Name a fruit.')
  await visitor.leave()
})

test('Enter that ends an input method’s composition sends nothing, in either order', async () => {
  const visitor = await Visitor.come(site, quick)
  const { page } = visitor
  await visitor.model('ready')
  /**
   * The last keys of a word, as Chromium and Firefox tell them and as Safari does,
   * then a key alone.
   */
  const compose = (selector, key) =>
    page.locator(selector).evaluate((field, name) => {
      const press = (isComposing) => {
        const init = { key: name, keyCode: 229, isComposing, bubbles: true, cancelable: true }
        return field.dispatchEvent(new KeyboardEvent('keydown', init))
      }
      const end = () =>
        field.dispatchEvent(new CompositionEvent('compositionend', { bubbles: true }))
      const untouched = [press(true)]
      end()
      untouched.push(press(false))
      return untouched
    }, key)
  await page.fill('#question', '日本')
  assert.deepEqual(await compose('#question', 'Enter'), [true, true])
  assert.equal(await page.inputValue('#question'), '日本')
  assert.equal(await page.locator('.message').count(), 0)
  await page.press('#question', 'Enter')
  await visitor.answered()
  await page.press('#question', 'ArrowUp')
  await page.fill('.editor textarea', '東京')
  for (const key of ['Enter', 'Escape']) {
    assert.deepEqual(await compose('.editor textarea', key), [true, true])
    assert.equal(await page.inputValue('.editor textarea'), '東京')
  }
  await page.press('.editor textarea', 'Enter')
  await visitor.answered()
  assert.equal(await page.locator('.message.user .body').textContent(), '東京')
  await visitor.leave()
})

/** A seed with which the tiny model ends at once: the same bits, so in the page too. */
async function silentSeed(content) {
  const usual = Object.entries(fields).filter(([, { goes }]) => goes === 'request')
  const request = Object.fromEntries(usual.map(([name, { initial }]) => [name, initial]))
  return withTiny(async (engine) => {
    const messages = [{ role: 'user', content }]
    for (let seed = 0; seed < 1000; seed++) {
      const { choices } = await engine.chat.completions.create({ ...request, messages, seed })
      if (choices[0].message.content === '') return seed
    }
    throw new Error('this model always says something')
  })
}

test('an answer without a word is named, and can be tried again', async () => {
  const question = 'From the first tab'
  const seed = await silentSeed(question)
  const visitor = await Visitor.come(site, `/?seed=${seed}&model=${tiny}`)
  const { page } = visitor
  await visitor.model('ready')
  await visitor.send(question)
  const problem = page.locator('.problem')
  assert.match(await problem.textContent(), /There is no answer.*ended before its first word/)
  await problem.evaluate((element) => element.classList.add('first'))
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.locator('.problem:not(.first)').waitFor() // the same seed
  assert.equal(await problem.count(), 1)
  assert.equal(await page.locator('.message').count(), 1)
  await page.getByRole('button', { name: 'Open settings' }).click()
  await page.locator('#set-temperature').waitFor()
  await visitor.leave()
})

test('a conversation that is too long says so, with a way out', async () => {
  const visitor = await Visitor.come(site, `/?model=${tiny}`)
  const { page } = visitor
  await visitor.model('ready')
  await visitor.send('word '.repeat(600))
  await page.waitForSelector('.problem')
  assert.match(await page.textContent('.problem'), /context/i)
  await page.getByRole('button', { name: 'Begin a new chat' }).click()
  await page.waitForFunction(() => !document.querySelector('.message'))
  await page.fill('#question', 'hello')
  assert.equal(await page.isEnabled('#send'), true)
  await visitor.leave()
})

test('the page follows an answer only while its reader is at the end', async () => {
  const visitor = await Visitor.come(site, '/?temperature=0&max_tokens=400', {
    viewport: { width: 700, height: 420 },
  })
  const { page } = visitor
  await visitor.loadDefault()
  await visitor.send('Tell me a very long story about a lighthouse and its keeper.')
  await page.waitForFunction(() => {
    const { scrollHeight, clientHeight } = document.getElementById('scroller')
    return scrollHeight > clientHeight + 150
  })
  const fromEnd = () =>
    page.evaluate(() => {
      const { scrollHeight, clientHeight, scrollTop } = document.getElementById('scroller')
      return scrollHeight - clientHeight - scrollTop
    })
  assert.ok((await fromEnd()) < 60)
  await page.hover('#scroller')
  await page.mouse.wheel(0, -400)
  await page.waitForSelector('#to-latest:not([hidden])')
  const top = await page.evaluate(() => document.getElementById('scroller').scrollTop)
  const length = (await page.textContent('.message.assistant .body')).length
  await visitor.streaming(length + 40)
  assert.equal(await page.evaluate(() => document.getElementById('scroller').scrollTop), top)
  await page.click('#to-latest')
  assert.ok((await fromEnd()) < 60)
  await page.click('#stop')
  await visitor.answered()
  await visitor.leave()
})

test('no task of the page is long while it loads and answers', async () => {
  const visitor = await Visitor.come(site, '/?temperature=0&max_tokens=120')
  const { page } = visitor
  await page.evaluate(() => {
    globalThis.longTasks = []
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) globalThis.longTasks.push(duration)
    }).observe({ type: 'longtask', buffered: false })
  })
  await visitor.loadDefault()
  await visitor.ask('Write a Python function that sorts a list, with comments.')
  const tasks = await page.evaluate(() => globalThis.longTasks)
  // Not what the product promises on an idle machine (50 ms) but what a busy one cannot miss.
  assert.ok(Math.max(0, ...tasks) < 200, `tasks of ${tasks} ms`)
  console.log(`tasks longer than 50 ms: ${tasks.map(Math.round).join(', ') || 'none'}`)
  await visitor.leave()
})

test('keys open and close what there is', async () => {
  const visitor = await Visitor.come(site)
  const { page } = visitor
  const open = (id) => page.waitForSelector(`#${id}[open]`)
  await page.keyboard.press('?')
  await open('shortcuts')
  await page.keyboard.press('Escape')
  await page.keyboard.press('Control+k')
  await open('models')
  await page.keyboard.press('Escape')
  await page.keyboard.press('Control+,')
  await open('settings')
  await page.keyboard.press('Escape')
  assert.equal(await page.locator('dialog[open]').count(), 0)
  await page.keyboard.press('Control+b')
  assert.equal(await page.isVisible('#sidebar'), false)
  await page.keyboard.press('Control+b')
  assert.equal(await page.isVisible('#sidebar'), true)
  await page.keyboard.press('Control+i')
  assert.equal(await page.isVisible('#statistics'), true)
  await page.keyboard.press('/')
  assert.equal(await page.evaluate(() => document.activeElement.id), 'question')
  await visitor.leave()
})
