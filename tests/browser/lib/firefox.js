// A headless Firefox with a fresh profile, driven by puppeteer through WebDriver BiDi,
// which Firefox speaks itself.
import { launch } from 'puppeteer-core'
import { firefox } from '../../../tools/setup/system.mjs'
import { call, until } from './expression.js'

/** @returns {Promise<import('./engines.js').Tab>} */
export async function openFirefox() {
  const executablePath = firefox()
  if (!executablePath) throw new Error('no Firefox: install it, or set FIREFOX to its path')
  const defaultViewport = { width: 1280, height: 800 }
  const browser = await launch({ browser: 'firefox', executablePath, defaultViewport })
  const page = await browser.newPage()
  const problems = []
  page.on('pageerror', ({ message }) => problems.push(message))
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text())
  })
  const evaluate = await evaluator(browser, page)
  return {
    version: await browser.version(),
    problems: async () => problems,
    async go(url) {
      problems.length = 0
      await page.goto(url)
    },
    evaluate: (work, ...given) => evaluate(call(work, given)),
    until: (condition, ...given) => evaluate(until(condition, given)),
    click: (selector) => page.click(selector),
    async ask(selector, text) {
      await page.type(selector, text)
      await page.keyboard.press('Enter')
    },
    close: () => browser.close(),
  }
}

/**
 * The page calls back when it has a result. If Firefox 153 itself is asked to wait for a promise,
 * it sometimes never answers.
 */
async function evaluator(browser, page) {
  const waiting = new Map()
  let last = 0
  await page.exposeFunction('testHasAnswer', (id, { text, error }) => {
    const { resolve, reject } = waiting.get(id)
    waiting.delete(id)
    if (error) reject(new Error(error))
    else resolve(JSON.parse(text))
  })
  browser.on('disconnected', () => {
    for (const { reject } of waiting.values()) reject(new Error('the browser has ended'))
  })
  return async (expression) => {
    const id = ++last
    const answer = new Promise((resolve, reject) => waiting.set(id, { resolve, reject }))
    const done = `(result) => void testHasAnswer(${id}, result)`
    await page.evaluate(`
      void ${expression}
        .then((text) => ({ text }), (error) => ({ error: String(error) }))
        .then(${done})`)
    return answer
  }
}
