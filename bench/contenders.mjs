// Who takes part: sotto on its hosts, and the peers. All have one interface: `open` gives a runner
// with call(method, argument) for load, generate, memory and close of its engine, resident() and
// close(); `how` says how it loads for which metric.
import { existsSync } from 'node:fs'
import { inRoot } from '../tools/lib/paths.mjs'
import { isNewNode, newerNode } from '../tools/setup/packages.mjs'
import { chromium } from '../tools/setup/system.mjs'
import { Child } from './runners/child.mjs'
import { Tab } from './runners/tab.mjs'
import { Wasmtime } from './runners/wasmtime.mjs'

const tab = {
  open: (engine) => (url) => Tab.open(engine, url),
  how: { 'load-url': 'url', 'load-local': 'cached' },
  source: ({ url }, server) => `${server}/models${url}`,
}
const file = { how: { 'load-local': 'path' }, source: ({ path }) => path }
const sottoIn = { kind: 'sotto' }
const library = inRoot('js', 'src', 'node.js')

/** In the order of their turns; `threads` 0: as many as the run has. */
const all = [
  {
    ...{ id: 'chromium', ...sottoIn, label: 'sotto, Chromium', threads: 0, needs: 'web' },
    ...{ ...tab, open: tab.open('sotto.js'), library: '/sotto/src/browser.js' },
    available: () => chromium() !== undefined || 'no Chromium',
  },
  {
    ...{ id: 'wllama', kind: 'peer', label: 'wllama, Chromium', threads: 0 },
    ...{ ...tab, open: tab.open('wllama.js') },
    available: () => chromium() !== undefined || 'no Chromium',
  },
  {
    ...{ id: 'llama-cpp', kind: 'peer', label: 'llama.cpp, native', threads: 0 },
    ...{ ...file, open: () => Child.open('llama-cpp.mjs') },
    available: hasBinary,
  },
  {
    ...{ id: 'node24', ...sottoIn, label: 'sotto, Node.js 24', threads: 0, needs: 'web' },
    ...{ ...file, open: () => Child.open('sotto.js', node24()), library },
    available: () => existsSync(node24()) || 'no Node.js 24',
  },
  {
    ...{ id: 'node20', ...sottoIn, label: 'sotto, Node.js 20', threads: 0, needs: 'web' },
    ...{ ...file, open: () => Child.open('sotto.js'), library },
    available: () => !isNewNode || 'this is a newer Node.js',
  },
  {
    ...{ id: 'wasmtime', ...sottoIn, label: 'sotto, wasmtime', threads: 1, needs: 'wasi' },
    ...{ ...file, open: () => Wasmtime.open() },
    available: () => true,
  },
  {
    ...{ id: 'llama-cpp-1', kind: 'peer', label: 'llama.cpp, native', threads: 1 },
    ...{ ...file, open: () => Child.open('llama-cpp.mjs') },
    available: hasBinary,
  },
]

function node24() {
  return isNewNode ? process.execPath : newerNode()
}

function hasBinary() {
  const here = process.platform === 'linux' && process.arch === 'x64'
  return here || 'no prebuilt binary for this machine is pinned'
}

export const hosts = all.filter(({ kind }) => kind === 'sotto').map(({ id }) => id)
export const peers = all.filter(({ kind }) => kind === 'peer').map(({ id }) => id)

/** The named ones that can run here, and why the others cannot. */
export function contenders(ids, threads) {
  const twice = threads === 1 ? 'llama-cpp-1' : ''
  const chosen = all.filter(({ id }) => ids.includes(id) && id !== twice)
  const missing = chosen.filter(({ available }) => available() !== true)
  return {
    present: chosen
      .filter((contender) => !missing.includes(contender))
      .map((contender) => ({ ...contender, threads: contender.threads || threads })),
    missing: missing.map(({ id, available }) => ({ id, why: available() })),
  }
}

/**
 * A host of sotto is held against peers with as many threads, and against wllama in Chromium. The
 * browser is held against one native thread as well: on few cores that may be llama.cpp's best. In
 * the sets below, everything is held against the first.
 */
export function comparable(host, peer) {
  if (peer.first) return true
  if (host.id === 'chromium') return true
  return peer.id !== 'wllama' && peer.threads === host.threads
}

// ---- sotto against itself -----------------------------------------------------------------------

const inNode = {
  ...{ kind: 'sotto', threads: 1, needs: 'web' },
  ...{ ...file, open: () => Child.open('sotto.js', node24()), library },
}

/** What each step of the CPU path brought, and what several sequences at once do. */
export const sets = {
  steps: {
    metrics: ['decode', 'prefill-256'],
    make: (threads) => [
      step('naive', 'plain float32', { backend: 'naive' }, { first: true, kind: 'peer' }),
      step('scalar', 'quantised and packed', { variant: 'scalar' }),
      step('simd128', 'SIMD128', { variant: 'simd128' }),
      step('relaxed', 'relaxed SIMD', { variant: 'relaxed' }),
      step('threads', 'relaxed SIMD', { variant: 'relaxed' }, { threads }),
    ],
  },
  sequences: {
    metrics: ['decode'],
    make: (threads) =>
      [1, 2, 4, 8].map((copies) => {
        const more = { threads, copies, ...(copies === 1 && { first: true, kind: 'peer' }) }
        return step(`sequences-${copies}`, `${copies} at once`, { n_parallel: copies }, more)
      }),
  },
}

const step = (id, label, options, more) => ({ ...inNode, id, label, options, ...more })
