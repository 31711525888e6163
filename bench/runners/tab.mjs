// An engine in a tab of a Chromium of its own with a fresh profile on disk.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from '../../tools/setup/system.mjs'
import { processesWith, processTree, resetPeak, residentBytes } from '../processes.mjs'

export class Tab {
  #context
  #page
  #profile
  #engine
  #browserPid
  #baselines = new Map()

  /** @param {string} engine file in engines/ @param {string} url of the benchmark's server */
  static async open(engine, url) {
    // Not before set-up has run: Playwright may just have been installed.
    const { chromium: driver } = await import('playwright-core')
    const { flags } = await import('../../tools/lib/browser.mjs')
    const tab = new Tab()
    tab.#engine = `/engines/${engine}`
    tab.#profile = mkdtempSync(join(tmpdir(), 'sotto-bench-'))
    tab.#context = await driver.launchPersistentContext(tab.#profile, {
      executablePath: chromium(),
      headless: true,
      args: [...flags, '--disable-gpu'],
    })
    tab.#page = await tab.#context.newPage()
    tab.#page.setDefaultTimeout(0)
    await tab.#page.goto(`${url}/engines/index.html`)
    tab.#findProcesses()
    return tab
  }

  /** Chromium holds renderers in reserve: the one that grows is the tab's. */
  #findProcesses() {
    const mine = processesWith(this.#profile)
    this.#browserPid = mine.find(({ command }) => !command.includes('--type='))?.pid
    for (const pid of this.#renderers()) {
      resetPeak(pid)
      this.#baselines.set(pid, residentBytes(pid).now)
    }
  }

  #renderers() {
    const tree = new Set(this.pids())
    return processesWith('--type=renderer')
      .map(({ pid }) => pid)
      .filter((pid) => tree.has(pid))
  }

  call(method, argument) {
    return this.#page.evaluate(
      async ([file, name, given]) => (await import(file))[name](given),
      [this.#engine, method, argument],
    )
  }

  pids() {
    return this.#browserPid ? processTree(this.#browserPid) : []
  }

  /** Peak resident bytes of the tab's renderer, and those before there was a model. */
  resident() {
    const renderers = this.#renderers().map((pid) => ({
      peak: residentBytes(pid).peak,
      baseline: this.#baselines.get(pid) ?? 0,
    }))
    renderers.sort((a, b) => b.peak - a.peak)
    return renderers[0] ?? { peak: 0, baseline: 0 }
  }

  async close() {
    await this.#context.close()
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 })
  }
}
