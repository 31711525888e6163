// The page of the benchmark: a model and tests are chosen, a run is under way, or a result is
// shown, which may have come with the address.
import { modelCache } from 'sotto'
import { prepareDialogs } from '../dialogs.js'
import { announce, byId, copyText, saveFile } from '../dom.js'
import { acceptDrops } from '../drops.js'
import { ModelPicker } from '../model-picker.js'
import { notice } from '../notices.js'
import { prepareOffline } from '../offline.js'
import { loadProblem } from '../problems.js'
import { LinkError } from './check.js'
import { markdownTable } from './markdown-table.js'
import { ProgressCard } from './progress-card.js'
import { resultJson } from './result.js'
import { ResultView } from './result-view.js'
import { runBench } from './run.js'
import { Setup } from './setup.js'
import { fragmentOf, hasResult, resultFrom } from './share.js'
import { N_CTX } from './tests.js'

/** @import { Result } from './result.js' */

const sotto = document.querySelector('meta[name=generator]')?.getAttribute('content') ?? ''
const version = sotto.replace(/^sotto /, '')

const OWN = 'sotto-bench'

/** @type {AbortController | undefined} of the run under way */
let running
/** @type {{ result: Result, link: string } | undefined} */
let shown

prepareDialogs()
const view = new ResultView()
const card = new ProgressCard(() => running?.abort())
const setup = new Setup(run, location.search)
const options = () => ({ n_ctx: N_CTX, n_parallel: 1 })
const picker = new ModelPicker({ onChoose: (entry) => choose(entry), options, verb: 'Choose' })

/** @param {import('../types.js').ModelEntry} entry */
function choose(entry) {
  if (running) return
  if (shown) begin()
  setup.choose(entry)
  setup.focus()
}

/** @param {'idle' | 'running' | 'result' | 'shared'} state */
function enter(state) {
  document.body.dataset.bench = state
  byId('intro').hidden = state !== 'idle'
  setup.show(state === 'idle')
  if (state !== 'running') card.end()
  if (state === 'idle' || state === 'running') view.hide()
  byId('problem').hidden = true
}

/** Back to choosing; the address forgets the result. */
function begin() {
  shown = undefined
  history.replaceState(null, '', location.pathname + location.search)
  enter('idle')
}

async function run() {
  const { entry, preset, rounds, threads } = setup
  if (!entry || running) return
  running = new AbortController()
  const { signal } = running
  enter('running')
  card.begin(entry.name)
  try {
    const result = await runBench({
      ...{ entry, preset, rounds, threads, sotto: version, signal },
      onStep: (step) => card.show(step),
      onWarning: ({ message }) => notice(message),
    })
    modelCache.persist().catch(() => {})
    await show(result, { shared: false })
    announce('The result is there')
  } catch (error) {
    enter('idle')
    if (signal.aborted) announce('Cancelled')
    else problem(loadProblem(error, 'The benchmark stopped'))
    setup.focus()
  } finally {
    running = undefined
  }
}

/** @param {Result} result @param {{ shared: boolean }} how */
async function show(result, { shared }) {
  const fragment = await fragmentOf(result)
  shown = { result, link: location.origin + location.pathname + fragment }
  // So that it outlives a reload.
  history.replaceState(null, '', location.pathname + location.search + fragment)
  if (!shared) remember(fragment)
  enter(shared ? 'shared' : 'result')
  view.show(result, { shared })
  view.focus()
}

/** That a result was measured in this tab, for when it is reloaded. @param {string} fragment */
function remember(fragment) {
  try {
    sessionStorage.setItem(OWN, fragment)
  } catch {
    // Without storage it counts as a shared one.
  }
}

function own() {
  try {
    return sessionStorage.getItem(OWN)
  } catch {
    return null
  }
}

/** @param {{ title: string, text: string, advice?: string }} words */
function problem({ title, text, advice = '' }) {
  byId('problem-title').textContent = title
  byId('problem-text').textContent = text
  byId('problem-advice').textContent = advice
  byId('problem').hidden = false
}

/** A result that came with the address. */
async function open() {
  if (running || !hasResult(location.hash)) return
  try {
    const { hash } = location
    const result = await resultFrom(hash)
    await show(result, { shared: hash !== own() })
  } catch (error) {
    if (!(error instanceof LinkError)) throw error
    begin()
    problem({ title: 'This link shows no result', text: error.message })
  }
}

async function measureAgain() {
  const { result } = shown ?? {}
  begin()
  if (result) await setup.like(result)
  setup.focus()
}
for (const id of ['run-again', 'run-here']) byId(id).addEventListener('click', measureAgain)

/**
 * @param {string} id
 * @param {(button: HTMLButtonElement, result: Result, link: string) => void} work
 */
const onClick = (id, work) => {
  const button = byId(id, HTMLButtonElement)
  button.addEventListener('click', () => {
    if (shown) work(button, shown.result, shown.link)
  })
}
onClick('copy-link', (button, _, link) => copyText(button, link))
onClick('copy-markdown', (button, result, link) => copyText(button, markdownTable(result, link)))
onClick('copy-json', (button, result) => copyText(button, resultJson(result)))
onClick('save-json', (_, result) => {
  const name = result.model.name.replace(/[^\w.-]+/g, '-')
  saveFile(`sotto-bench-${name}-${result.created.slice(0, 10)}.json`, resultJson(result))
})

addEventListener('hashchange', open)
addEventListener('keydown', ({ key }) => {
  if (key === 'Escape') running?.abort()
})
acceptDrops((files) => picker.chooseFiles(files))
prepareOffline(() => !running)
await open()
document.body.dataset.page = 'ready'
