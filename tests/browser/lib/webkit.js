// WebKitGTK's MiniBrowser in a display of its own, driven by selenium through WebKitWebDriver. Each
// session is a private window: that is all the driver gives. Nothing special is needed for root.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Builder, By, Capabilities, Key } from 'selenium-webdriver'
import { findFreePort } from 'selenium-webdriver/net/portprober.js'
import { DriverService } from 'selenium-webdriver/remote/index.js'
import { webkitDriver } from '../../../tools/setup/system.mjs'
import { call, until } from './expression.js'

/** What Safari has and WebKitGTK comes without. */
const safari = {
  features: ['FileSystem', 'AccessHandle', 'StorageAPI', 'StorageAPIEstimate'],
  env: { JSC_useSharedArrayBuffer: '1' },
}

/**
 * @param {{ likeSafari?: boolean }} [options]
 * @returns {Promise<import('./engines.js').Tab>}
 */
export async function openWebkit({ likeSafari = false } = {}) {
  const closing = []
  const close = async () => {
    for (const end of closing.splice(0).reverse()) await end()
  }
  try {
    const { features, env } = likeSafari ? safari : { features: [], env: {} }
    const home = await mkdtemp(join(tmpdir(), 'sotto-webkit-'))
    closing.push(() => rm(home, { recursive: true, force: true, maxRetries: 5 }))
    const display = await openDisplay(closing)
    const url = await startDriver({ ...env, HOME: home, DISPLAY: display }, closing)
    const browser = await openSession(url, features)
    closing.push(() => browser.quit())
    return { ...tabOf(browser), version: await versionOf(browser), close }
  } catch (error) {
    await close()
    throw error
  }
}

/** An X server that chooses its number itself, and says it when it is ready. */
async function openDisplay(closing) {
  const args = ['-displayfd', '3', '-screen', '0', '1280x1024x24', '-nolisten', 'tcp']
  const server = spawn('Xvfb', args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
  const ended = once(server, 'exit')
  closing.push(async () => {
    server.kill()
    await ended
  })
  const [number] = await Promise.race([once(server.stdio[3], 'data'), ended])
  if (!Buffer.isBuffer(number)) throw new Error(`Xvfb ended with ${number}`)
  return `:${String(number).trim()}`
}

async function startDriver(env, closing) {
  const program = webkitDriver()
  if (!program) throw new Error('no WebKitWebDriver: install it, or set WEBKIT_DRIVER to its path')
  const port = await findFreePort('127.0.0.1')
  const { XDG_CACHE_HOME: _, XDG_CONFIG_HOME: __, XDG_DATA_HOME: ___, ...rest } = process.env
  const driver = new DriverService(program, {
    args: ['--host=127.0.0.1', `--port=${port}`],
    // C.UTF-8 is where WebKitGTK's navigator.language is "C", which is no language.
    env: { ...rest, LC_ALL: 'C.UTF-8', NO_AT_BRIDGE: '1', ...env },
    hostname: '127.0.0.1',
    port,
    path: '/',
  })
  closing.push(() => driver.kill())
  return driver.start()
}

function openSession(url, features) {
  const args = ['--automation']
  if (features.length) args.push(`--features=${features.map((name) => `+${name}`).join(',')}`)
  const given = { 'webkitgtk:browserOptions': { args }, timeouts: { script: 300_000 } }
  const capabilities = new Capabilities({ browserName: 'MiniBrowser', ...given })
  const builder = new Builder().disableEnvironmentOverrides()
  return builder.usingServer(url).withCapabilities(capabilities).build()
}

async function versionOf(browser) {
  const capabilities = await browser.getCapabilities()
  return `webkitgtk/${capabilities.get('browserVersion')}`
}

/** Every message of the driver waits for the page: at most one at a time. */
function tabOf(browser) {
  async function evaluate(expression) {
    const { text, error } = await browser.executeAsyncScript(`
      const done = arguments[0]
      const result = ${expression}
      const tell = (error) => [error, error?.details?.stack].filter(Boolean).join('\\n')
      result.then((text) => done({ text }), (error) => done({ error: tell(error) }))`)
    if (error) throw new Error(error)
    return JSON.parse(text)
  }
  return {
    problems: () => evaluate(call(() => globalThis.problemsSeen, [])),
    async go(url) {
      await browser.get(url)
      await evaluate(call(noteProblems, []))
    },
    evaluate: (work, ...given) => evaluate(call(work, given)),
    until: (condition, ...given) => evaluate(until(condition, given)),
    click: async (selector) => (await browser.findElement(By.css(selector))).click(),
    ask: async (selector, text) =>
      (await browser.findElement(By.css(selector))).sendKeys(text, Key.ENTER),
  }
}

/** In the page: WebDriver tells nothing of its console. */
function noteProblems() {
  globalThis.problemsSeen = []
  const note = (text) => globalThis.problemsSeen.push(text)
  addEventListener('error', ({ message }) => note(message))
  addEventListener('unhandledrejection', ({ reason }) => note(String(reason)))
  addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
    note(`policy: ${violatedDirective} ${blockedURI}`),
  )
}
