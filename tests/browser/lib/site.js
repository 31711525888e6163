// The built page in Chromium, as a visitor has it: a profile of its own each time, and everything
// noted that should not be: errors, violations of the policy, requests that leave the origin.
import assert from 'node:assert/strict'
import { openProfile } from '../../../tools/lib/browser.mjs'
import { inRoot } from '../../../tools/lib/paths.mjs'
import { pageMounts, serve } from '../../../tools/lib/server.mjs'

export const desktop = { viewport: { width: 1280, height: 800 } }
export const phone = { viewport: { width: 360, height: 700 }, hasTouch: true, isMobile: true }
export const tiny = '/tiny/tiny-q8_0.gguf'
/** A few tokens, the same every time: this model often ends before its first word. */
export const quick = `/?max_tokens=6&seed=1&model=${tiny}`

/** Starts the server for one file of tests; `more` are folders to serve besides. */
export async function startSite(options = {}, more = {}) {
  const mounts = { ...pageMounts, '/tiny/': inRoot('models', 'tiny'), ...more }
  const server = await serve({ mounts, ...options })
  /** Contexts of those who came; what a failed test has left open must not keep the process. */
  const contexts = new Set()
  const close = async () => {
    for (const context of contexts) await context.close()
    await server.close()
  }
  return { server, contexts, close }
}

/** A visitor in a profile of its own. */
export class Visitor {
  problems = []

  /** `expected`: messages on the console that belong to the test. */
  static async come({ server, contexts }, path = '/', { expected, ...options } = {}) {
    const visitor = new this()
    visitor.expected = expected
    visitor.url = server.url
    const context = { ...desktop, serviceWorkers: 'block', acceptDownloads: true, ...options }
    visitor.context = await openProfile(context)
    contexts.add(visitor.context)
    visitor.context.on('close', () => contexts.delete(visitor.context))
    visitor.context.on('request', (request) => visitor.#look(request.url()))
    await visitor.open(path)
    return visitor
  }

  #look(url) {
    const { origin, protocol } = new URL(url)
    if (origin !== this.url && !['blob:', 'data:'].includes(protocol)) this.problems.push(url)
  }

  async open(path) {
    this.page = await this.context.newPage()
    this.page.on('pageerror', (error) => this.problems.push(error.stack))
    this.page.on('console', (message) => {
      const text = message.text()
      const fine = this.expected?.test(text) || text.endsWith('blocked by Playwright')
      if (['error', 'warning'].includes(message.type()) && !fine) this.problems.push(text)
    })
    await this.page.addInitScript(() => {
      addEventListener('securitypolicyviolation', (event) =>
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`),
      )
    })
    await this.page.goto(this.url + path)
    await this.ready()
  }

  ready() {
    return this.page.waitForSelector('body[data-page=ready]')
  }

  /** Waits for a state of the model. */
  model(state) {
    return this.page.waitForSelector(`body[data-model=${state}]`, { timeout: 60_000 })
  }

  async loadDefault() {
    await this.page.click('#load-default:not(:disabled)')
    await this.model('ready')
  }

  answers() {
    return this.page.locator('.message.assistant')
  }

  async send(text) {
    await this.page.fill('#question', text)
    await this.page.press('#question', 'Enter')
  }

  /** Asks, waits for the end of the answer and resolves with its text. */
  async ask(text) {
    await this.send(text)
    await this.answered()
    return this.answers().last().locator('.body').textContent()
  }

  /** The send button comes back in the same moment as the busy mark goes. */
  async answered() {
    await this.page.waitForFunction(
      () =>
        !document.querySelector('.message.busy') &&
        document.querySelector('#messages')?.getAttribute('aria-busy') === 'false' &&
        document.querySelector('.message.assistant .tools button, .problem'),
      null,
      { timeout: 60_000 },
    )
  }

  /** What the browser's database says was measured of the last answer, once it says so. */
  lastFacts() {
    return this.page.evaluate(async () => {
      const result = (request) =>
        new Promise((resolve, reject) => {
          request.onsuccess = () => resolve(request.result)
          request.onerror = () => reject(request.error)
        })
      const database = await result(indexedDB.open('sotto-chat'))
      for (;;) {
        const store = database.transaction('conversations').objectStore('conversations')
        const [conversation] = await result(store.getAll())
        const last = conversation?.messages.at(-1)
        if (last?.role === 'assistant' && last.facts) return last.facts
      }
    })
  }

  /** An answer is under way and has some text. */
  streaming(length = 20) {
    return this.page.waitForFunction(
      (least) => (document.querySelector('.message.busy .body')?.textContent.length ?? 0) > least,
      length,
    )
  }

  /** Ends the visit; fails if something was noted. */
  async leave() {
    await this.context.close()
    assert.deepEqual(this.problems, [], 'nothing on the console, no request elsewhere')
  }
}
