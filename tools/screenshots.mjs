// Pictures of the pages in their main states, to look at: build/screenshots.
//   npm run screenshots [-- NAME…]   (after npm run build -- web); `readme` goes to docs/page.png
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { openBrowser, softwareGpu } from './lib/browser.mjs'
import { main } from './lib/main.mjs'
import { inRoot } from './lib/paths.mjs'
import { say } from './lib/report.mjs'
import { serve } from './lib/server.mjs'
import { buildSite } from './site.mjs'

const folder = inRoot('build', 'screenshots')
const desktop = { viewport: { width: 1440, height: 900 } }
const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true }
const dark = { colorScheme: 'dark' }

const question = 'Write a Python function for Fibonacci numbers and explain it briefly.'
const answer = `Here is a version that needs no recursion and runs in **linear** time:

\`\`\`python
def fibonacci(n: int) -> int:
    """The n-th Fibonacci number, from 0."""
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a
\`\`\`

How it works:

1. \`a\` and \`b\` hold two neighbours of the sequence.
2. Each step moves both by one place.
3. After \`n\` steps \`a\` is the answer.

| n | result |
|---|--------|
| 1 | 1 |
| 10 | 55 |
| 50 | 12586269025 |

> The recursive version computes the same numbers again and again.
`

/** Conversations as a file: a picture should not depend on what a small model says. */
function history() {
  const created = Date.now()
  const of = (title, messages, age) => ({
    title,
    titled: true,
    created: created - age,
    updated: created - age,
    system: '',
    choice: {},
    messages: messages.map(([id, parent, role, content]) => ({
      id,
      parent,
      role,
      content,
      created,
    })),
  })
  const short = [['q', null, 'user', 'Hello']]
  const conversations = [
    of(
      'Fibonacci in Python',
      [
        ['q', null, 'user', question],
        ['a', 'q', 'assistant', 'An earlier version.'],
        ['b', 'q', 'assistant', answer],
      ],
      0,
    ),
    of('A haiku about rivers', short, 3e6),
    of('Names for a small grey cat', short, 9e7),
    of('What to cook with a pumpkin and two potatoes', short, 3e8),
  ]
  const text = JSON.stringify({ format: 'sotto-conversations', version: 1, conversations })
  return { name: 'history.json', mimeType: 'application/json', buffer: Buffer.from(text) }
}

async function withHistory(page) {
  await page.setInputFiles('#import-file', history())
  await page.waitForSelector('.message.assistant .tools button')
}

async function loaded(page) {
  await page.click('#load-default:not(:disabled):visible, #idle-load:visible')
  await page.waitForSelector('body[data-model=ready]', { timeout: 60_000 })
}

async function answered(page) {
  await page.fill('#question', 'Explain the loop once more, in two sentences.')
  await page.press('#question', 'Enter')
  await page.waitForSelector('.message.busy')
  await page.waitForFunction(
    () => document.querySelectorAll('.message.assistant .facts').length > 0,
  )
}

/** Answers a model's request with nothing for ever, from `after` requests on. */
const stall = (page, after) => {
  let n = 0
  return page.route('**/models/*.gguf', (route) => (n++ < after ? route.continue() : undefined))
}

async function withStatistics(page) {
  await withHistory(page)
  await loaded(page)
  await page.click('#statistics-button')
  await answered(page)
  await page.waitForSelector('#chart-speed canvas')
}

/** The README's: what the default model says, as fast as it says it. */
async function talked(page) {
  await loaded(page)
  await page.click('#statistics-button')
  const questions = [
    'What is the capital of France? Answer in one short sentence.',
    'Give me three tips for better sleep, with a reason for each.',
  ]
  for (const [i, question] of questions.entries()) {
    await page.fill('#question', question)
    await page.press('#question', 'Enter')
    await page.waitForFunction(
      (n) => document.querySelectorAll('.message.assistant .facts').length > n,
      i,
    )
  }
  await page.waitForSelector('#chart-speed canvas')
}

/** On a processor that plays a GPU, which takes a second for each token and more. */
async function talkedOnGpu(page) {
  page.setDefaultTimeout(900_000)
  await loaded(page)
  await page.click('#statistics-button')
  await page.fill('#question', 'What is the capital of France? Answer in one short sentence.')
  await page.press('#question', 'Enter')
  await page.waitForFunction(
    () => document.querySelectorAll('.message.assistant .facts').length > 0,
  )
  await page.locator('#gpu-figures').scrollIntoViewIfNeeded()
}

const chat = '/?temperature=0&max_tokens=120'
const onGpu = '/?temperature=0&max_tokens=20&n_ctx=512&backend=webgpu&gpu=software'
const bench = '/bench.html?rounds=3'
const tall = { viewport: { width: 1280, height: 1840 } }
const tallPhone = { ...phone, viewport: { width: 390, height: 2300 } }

/**
 * The link to the result that was measured for its picture. Later pictures open it as a
 * result of somebody else.
 */
let fragment = ''

async function measured(page) {
  await page.click('#run:not(:disabled)')
  await page.waitForSelector('body[data-bench=result]', { timeout: 120_000 })
  fragment = new URL(page.url()).hash
  await page.waitForSelector('#trace canvas')
}

async function shared(page) {
  await page.evaluate((hash) => {
    location.hash = hash
  }, fragment)
  await page.waitForSelector('body[data-bench=shared] #trace canvas')
}

/** Name, options of the page, how to get there, and from where: the chat if that is left out. */
const pictures = [
  ['readme', { viewport: { width: 1280, height: 740 } }, talked, '/?temperature=0&max_tokens=260'],
  ['gpu', { viewport: { width: 1280, height: 1240 } }, talkedOnGpu, onGpu],
  ['empty', desktop, async () => {}],
  ['empty-dark', { ...desktop, ...dark }, async () => {}],
  ['empty-phone', phone, async () => {}],
  [
    'downloading',
    desktop,
    async (page) => {
      await stall(page, 2)
      await page.click('#load-default:not(:disabled)')
      await page.waitForFunction(() =>
        /\d\d MB of/.test(document.getElementById('load-text').textContent),
      )
    },
  ],
  [
    'chatting',
    desktop,
    async (page) => {
      await withHistory(page)
      await loaded(page)
    },
  ],
  ['statistics', desktop, withStatistics],
  ['chatting-dark', { ...desktop, ...dark }, withStatistics],
  [
    'chatting-phone',
    { ...phone, ...dark },
    async (page) => {
      await withHistory(page)
      await loaded(page)
    },
  ],
  [
    'drawer-phone',
    phone,
    async (page) => {
      await withHistory(page)
      await page.tap('#sidebar-button')
    },
  ],
  [
    'statistics-phone',
    phone,
    async (page) => {
      await loaded(page)
      await answered(page)
      await page.tap('#statistics-button')
      await page.waitForSelector('#chart-speed canvas')
    },
  ],
  [
    'error',
    desktop,
    async (page) => {
      await withHistory(page)
      const buffer = Buffer.from('these are not weights')
      await page.setInputFiles('#file', { name: 'notes.gguf', mimeType: 'text/plain', buffer })
      await page.waitForSelector('body[data-model=failed]')
    },
  ],
  [
    'models',
    desktop,
    async (page) => {
      await page.click('#model-button')
      await page.click('#site-models .plain')
      await page.getByText(/^Needs/).waitFor()
    },
  ],
  ['settings-dark', { ...desktop, ...dark }, (page) => page.click('#settings-button')],
  ['settings-phone', phone, (page) => page.tap('#settings-button')],
  ['keys', desktop, (page) => page.keyboard.press('?')],
  [
    'edit',
    desktop,
    async (page) => {
      await withHistory(page)
      await loaded(page)
      await page.keyboard.press('ArrowUp')
      await page.waitForSelector('.editor')
    },
  ],
  ['bench', desktop, (page) => page.waitForSelector('#run:not(:disabled)'), bench],
  ['bench-phone', phone, (page) => page.waitForSelector('#run:not(:disabled)'), bench],
  [
    'bench-running-dark',
    { ...desktop, ...dark },
    async (page) => {
      await page.click('#run:not(:disabled)')
      await page.waitForSelector('#running-title:has-text("Round 2")', { timeout: 120_000 })
    },
    bench,
  ],
  ['bench-result', tall, measured, bench],
  ['bench-shared', desktop, shared, bench],
  ['bench-shared-dark', { ...tall, ...dark }, shared, bench],
  ['bench-shared-phone', tallPhone, shared, bench],
  [
    'bench-broken-link',
    phone,
    async (page) => {
      await page.evaluate(() => {
        location.hash = '#r=zAAAA'
      })
      await page.waitForSelector('#problem:not([hidden])')
    },
    bench,
  ],
]

await main(async () => {
  mkdirSync(folder, { recursive: true })
  await buildSite()
  const { url, close } = await serve()
  const wanted = process.argv.slice(2)
  const chosen = pictures.filter(([name]) => wanted.length === 0 || wanted.includes(name))
  const gpu = chosen.some(([, , , start]) => start === onGpu)
  const browser = await openBrowser({ gpu, args: gpu ? softwareGpu : [] })
  try {
    for (const [name, options, prepare, start = chat] of chosen) {
      const context = await browser.newContext({ ...options, serviceWorkers: 'block' })
      const page = await context.newPage()
      await page.goto(url + start)
      await page.waitForSelector('body[data-page=ready]')
      await prepare(page)
      const path = name === 'readme' ? inRoot('docs', 'page.png') : join(folder, `${name}.png`)
      await page.screenshot({ path, animations: 'disabled' })
      await context.close()
      say(`  ${path}`)
    }
  } finally {
    await browser.close()
    await close()
  }
})
