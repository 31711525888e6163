// What the tests of the benchmark's page share: a visitor of it, and a result to spoil.
import { Visitor } from './site.js'

export const result = {
  format: 'sotto-bench',
  version: 1,
  created: '2026-05-04T03:02:01.000Z',
  sotto: '0.2.0',
  model: {
    name: 'A model | <b>bold</b>',
    architecture: 'llama',
    quantisation: 'Q4_0',
    params: 134515008,
    bytes: 98362432,
    sha256: '',
  },
  engine: { backend: 'cpu', variant: 'relaxed', threads: 2, threads_reason: '', n_ctx: 1280 },
  load: {
    source: 'hit',
    cached_bytes: 98362432,
    fetched_bytes: 0,
    ms: { worker: 40, module: 70, header: 100, weights: 700, total: 950 },
  },
  memory: { plan: 136e6, weights: 96e6, kv: 29e6, scratch: 5e6, peak: 136e6, module: 137e6 },
  environment: {
    browser: 'Firefox 150',
    platform: 'Linux',
    architecture: '',
    processors: 8,
    device_memory: 0,
    isolated: true,
  },
  run: { preset: 'standard', rounds: 3, disturbed: 0, discarded: 0 },
  tests: [
    { kind: 'prefill', tokens: 256, depth: 0, samples: [1000, 1200, 1100] },
    { kind: 'first', tokens: 256, depth: 0, samples: [250, 240, 230] },
    { kind: 'decode', tokens: 128, depth: 0, samples: [300, 290, 280] },
    { kind: 'gap_p50', tokens: 128, depth: 0, samples: [3.1, 3.2, 3.3] },
    { kind: 'decode', tokens: 128, depth: 512, samples: [200] },
  ],
  trace: [3.1, 3.3, 3.2, 3.4],
}

/** A copy of the result with something else in it. */
export function changed(change) {
  const copy = structuredClone(result)
  change?.(copy)
  return copy
}

/** As a link without compression carries it. */
export function plainFragment(value) {
  const json = typeof value === 'string' ? value : JSON.stringify(value)
  return `#r=j${Buffer.from(json).toString('base64url')}`
}

export class BenchVisitor extends Visitor {
  /** @param {string} state of the page: idle, running, result or shared */
  state(state) {
    return this.page.waitForSelector(`body[data-bench=${state}]`, { timeout: 120_000 })
  }

  async run() {
    await this.page.click('#run:not(:disabled)')
    await this.state('result')
  }

  text(selector) {
    return this.page.textContent(selector)
  }

  /** The result as the page hands it out. */
  async json() {
    await this.page.click('#copy-json')
    await this.page.waitForSelector('#copy-json:has-text("Copied")')
    return JSON.parse(await this.page.evaluate(() => navigator.clipboard.readText()))
  }
}
