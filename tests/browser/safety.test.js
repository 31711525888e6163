// What a model says, or a file claims that it said, does nothing but show itself; and the page is
// one that people who do not see it, or use no mouse, can use.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import axe from 'axe-core'
import { rolldown } from 'rolldown'
import { inRoot } from '../../tools/lib/paths.mjs'
import { phone, quick, startSite, Visitor } from './lib/site.js'

let site
let folder

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'markdown-'))
  const input = inRoot('web', 'src', 'markdown.js')
  const bundled = await rolldown({ input, platform: 'browser' })
  await bundled.write({ file: join(folder, 'markdown.js'), format: 'es' })
  await bundled.close()
  site = await startSite({}, { '/test/': folder })
})
after(async () => {
  await site?.close()
  rmSync(folder, { recursive: true })
})

const hostile = `<script>globalThis.harmed = 1</script>
<img src="/harm.png" onerror="globalThis.harmed = 2">
<svg onload="globalThis.harmed = 3"><style>body { display: none }</style></svg>
<iframe srcdoc="<script>parent.harmed = 4</script>"></iframe>
<a href="javascript:globalThis.harmed = 5" onclick="globalThis.harmed = 6">one</a>

[two](javascript:globalThis.harmed=7) [three](JaVaScRiPt:globalThis.harmed=8)
[four](&#106;avascript:globalThis.harmed=9) [five](data:text/html,<script>1</script>)
[six](vbscript:x) [seven](/models.json) [good](https://example.com/a?b=1&c=2)
![picture](https://tracker.example/pixel.png "x")

\`\`\`"><img src=x onerror=globalThis.harmed=10>
<script>globalThis.harmed = 11</script>
\`\`\`

\`\`\`html
<img src=x onerror="globalThis.harmed = 12">
\`\`\`

| a | b |
|:--|--:|
| <b onclick="globalThis.harmed = 13">x</b> | \`<i>\` |

<form action="https://elsewhere.example"><input name="q"><button>Go</button></form>
<div id="question" class="scrim" style="position:fixed;inset:0">over</div>
<math><mtext><table><mglyph><style><img src=x onerror=globalThis.harmed=14></style>`

/** Puts a conversation with this answer in, as somebody's file. */
async function show(page, answer) {
  const created = 1
  const messages = [
    { id: 'q', parent: null, role: 'user', content: hostile, created },
    { id: 'a', parent: 'q', role: 'assistant', content: answer, created },
  ]
  const head = { title: '<img src=x onerror=globalThis.harmed=15>', created, updated: created }
  const conversations = [{ ...head, system: '', messages, choice: {} }]
  const text = JSON.stringify({ format: 'sotto-conversations', version: 1, conversations })
  await page.setInputFiles('#import-file', {
    name: 'file.json',
    mimeType: 'application/json',
    buffer: Buffer.from(text),
  })
  await page.waitForSelector('.message.assistant .tools button')
}

test('hostile Markdown is text: no script, no request, no form, no foreign element', async () => {
  const visitor = await Visitor.come(site)
  const { page } = visitor
  await show(page, hostile)
  const found = await page.evaluate(() => {
    const body = document.querySelector('.message.assistant .body')
    const all = [...body.querySelectorAll('*')]
    return {
      tags: [...new Set(all.map(({ localName }) => localName))].sort(),
      handlers: all.flatMap((e) => [...e.attributes]).filter((a) => /^on|^style$|^id$/.test(a.name))
        .length,
      links: [...body.querySelectorAll('a')].map((a) => [a.textContent, a.href, a.target, a.rel]),
      text: body.textContent,
    }
  })
  const tags = 'a br button code div p pre span table tbody td th thead tr'.split(' ')
  assert.deepEqual(
    found.tags.filter((tag) => !tags.includes(tag)),
    [],
  )
  assert.equal(found.handlers, 0)
  const outward = ['_blank', 'noopener noreferrer nofollow']
  assert.deepEqual(found.links, [
    ['good', 'https://example.com/a?b=1&c=2', ...outward],
    ['picture', 'https://tracker.example/pixel.png', ...outward],
  ])
  assert.match(found.text, /<script>globalThis\.harmed = 1<\/script>/)
  assert.match(found.text, /onerror="globalThis\.harmed = 12"/)
  for (const link of await page.locator('.message.assistant .body p').all()) {
    await link.click({ position: { x: 2, y: 2 }, modifiers: ['Shift'] }).catch(() => {})
  }
  assert.equal(await page.evaluate(() => globalThis.harmed), undefined)
  await visitor.leave()
})

test('Markdown: what is written comes out, with colours and copy buttons', async () => {
  const visitor = await Visitor.come(site, '/', {
    permissions: ['clipboard-read', 'clipboard-write'],
  })
  const { page } = visitor
  const code = 'def f(x):\n    return "<b>"  # why'
  await show(
    page,
    '# Title\n\nSome *soft* and **loud** text with `code`.\n\n- one\n  - two\n\n1. a\n2. b\n\n' +
      `\`\`\`python\n${code}\n\`\`\`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- [x] done`,
  )
  const body = page.locator('.message.assistant .body')
  assert.equal(await body.locator('h1').textContent(), 'Title')
  assert.equal(await body.locator('em').textContent(), 'soft')
  assert.equal(await body.locator('ul ul li').textContent(), 'two')
  assert.equal(await body.locator('td').last().textContent(), '2')
  assert.equal(await body.locator('pre').textContent(), code)
  assert.equal(await body.locator('pre .hljs-keyword').first().textContent(), 'def')
  assert.match(await body.textContent(), /☑ done/)
  await body.locator('[data-copy]').click()
  await page.waitForFunction(() => document.querySelector('[data-copy]')?.textContent === 'Copied')
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), code)
  await visitor.leave()
})

test('text that grows piece by piece ends as if it had come at once', async () => {
  const visitor = await Visitor.come(site)
  const { page } = visitor
  const text =
    '# Title\n\nFirst\nparagraph.\n\n1. one\n\n2. two\n   - deep\n\nname\n===\n\n' +
    '| a | b |\n|---|---|\n| 1 | 2 |\n\n```js\nlet x = 1\n\nlet y\n```\n\n> quote\n\n' +
    'See [x].\n\n[x]: https://example.com\n'
  await show(page, text)
  const wanted = await page.innerHTML('.message.assistant .body')
  await page.click('#new-chat')
  const grown = await page.evaluate(async (all) => {
    const { MarkdownView } = await import('/test/markdown.js')
    const box = document.createElement('div')
    const view = new MarkdownView(box)
    for (let n = 1; n <= all.length; n += 3) view.update(all.slice(0, n))
    view.update(all, { done: true })
    return box.innerHTML
  }, text)
  assert.equal(grown, wanted)
  await visitor.leave()
})

for (const [name, options] of Object.entries({
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  phone: { ...phone, colorScheme: 'light' },
})) {
  test(`no serious finding of axe: ${name}`, async () => {
    // Colours in the middle of a transition are nobody's.
    const visitor = await Visitor.come(site, '/', { ...options, reducedMotion: 'reduce' })
    const { page } = visitor
    const check = async (state) => {
      await page.evaluate(axe.source)
      const { violations } = await page.evaluate(() => globalThis.axe.run(document))
      const serious = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact))
      const lines = serious.map(({ id, nodes }) => [
        id,
        ...nodes.map(({ html, any }) => `${html} ${any[0]?.message ?? ''}`),
      ])
      assert.deepEqual(lines, [], state)
    }
    await check('at first')
    await page.goto(site.server.url + quick)
    await visitor.model('ready')
    await visitor.ask('Hello')
    await show(
      page,
      '# Title\n\ntext [link](https://example.com)\n\n```js\nlet x = 1 // y\n```\n\n' +
        '| a |\n|---|\n| 1 |',
    )
    await check('chatting')
    for (const button of ['model-button', 'settings-button']) {
      await page.click(`#${button}`)
      await check(button)
      await page.keyboard.press('Escape')
    }
    await page.click('#statistics-button')
    await check('statistics')
    await page.keyboard.press('Escape')
    if (name === 'phone') await page.tap('#sidebar-button')
    await check('conversations')
    await visitor.leave()
  })
}
