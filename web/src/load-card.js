// The card about the model while it is not ready: progress, pause, what went wrong; and the chip in
// the bar that names it.
import { announce, byId, textButton } from './dom.js'
import { bytes, count, remaining, threads } from './format.js'
import { drawPlan } from './plan-view.js'
import { loadProblem, remedyNames } from './problems.js'

/** @import { MemoryPlan } from 'sotto' */
/** @import { ModelSession } from './model-session.js' */
/** @import { Remedy } from './problems.js' */
/** @import { ModelState } from './types.js' */

export class LoadCard {
  #onRemedy
  #card = byId('load-card')
  #bar = byId('load-progress', HTMLProgressElement)
  #pause = byId('load-pause', HTMLButtonElement)
  #phase = ''
  /** @type {MemoryPlan | undefined} that is shown */
  #plan

  /** @param {ModelSession} model @param {(remedy: Remedy) => void} onRemedy */
  constructor(model, onRemedy) {
    this.#onRemedy = onRemedy
    this.#pause.addEventListener('click', () => {
      if (model.state.value.phase === 'paused') model.again()
      else model.pause()
    })
    byId('load-cancel').addEventListener('click', () => model.close())
    model.state.watch((state) => this.#draw(state))
  }

  /** @param {ModelState} state */
  #draw(state) {
    const { phase } = state
    const changed = phase !== this.#phase
    this.#phase = phase
    document.body.dataset.model = phase
    this.#card.hidden = phase === 'none' || phase === 'ready'
    byId('load-running').hidden = phase === 'failed'
    byId('load-failed').hidden = phase !== 'failed'
    if (changed) this.#announce(state)
    chip(state)
    if (state.phase === 'loading' || state.phase === 'paused') this.#progress(state)
    if (state.phase === 'failed' && changed) this.#failure(state.error)
  }

  /** @param {ModelState} state */
  #announce(state) {
    const { phase } = state
    if (phase === 'none') return
    const { name } = state.entry
    const words = {
      loading: `Loading ${name}`,
      paused: 'Paused',
      failed: 'The model could not be loaded',
      ready: `${name} is ready`,
    }
    announce(words[phase])
  }

  /** @param {Extract<ModelState, { phase: 'loading' | 'paused' }>} state */
  #progress(state) {
    const { entry, plan, loaded, total } = state
    const paused = state.phase === 'paused'
    byId('load-title').textContent = `${paused ? 'Paused:' : 'Loading'} ${entry.name}`
    if (total) this.#bar.value = loaded / total
    else if (paused) this.#bar.value = 0
    else this.#bar.removeAttribute('value')
    if (plan !== this.#plan) drawPlan(byId('load-plan'), plan)
    this.#plan = plan
    this.#pause.textContent = paused ? 'Resume' : 'Pause'
    this.#pause.hidden = typeof entry.source !== 'string'
    const size = total ? `${bytes(loaded)} of ${bytes(total)}` : ''
    byId('load-text').textContent = paused ? pausedText(size) : runningText(state, size)
  }

  /** @param {unknown} error */
  #failure(error) {
    const { title, text, advice, remedies } = loadProblem(error)
    byId('failed-title').textContent = title
    byId('failed-text').textContent = text
    byId('failed-advice').textContent = advice
    const buttons = remedies.map((remedy) =>
      textButton('plain', remedyNames[remedy], () => this.#onRemedy(remedy)),
    )
    byId('failed-remedies').replaceChildren(...buttons)
    buttons[0]?.focus()
  }
}

/** @param {string} size */
const pausedText = (size) =>
  [size, isSecureContext ? 'what is here is kept' : 'resuming begins again: nothing keeps the file']
    .filter(Boolean)
    .join(' · ')

/** @param {Extract<ModelState, { phase: 'loading' }>} state @param {string} size */
const runningText = ({ step, speed, remaining: seconds }, size) =>
  [step || size, speed ? `${bytes(Math.round(speed))}/s` : '', remaining(seconds)]
    .filter(Boolean)
    .join(' · ')

/** @param {ModelState} state */
function chip(state) {
  const name = byId('model-name')
  const facts = byId('model-facts')
  const button = byId('model-button')
  if (state.phase !== 'ready') {
    name.textContent = state.phase === 'none' ? 'No model' : state.entry.name
    const words = { none: 'choose one', loading: 'loading', paused: 'paused', failed: 'failed' }
    facts.textContent = words[state.phase]
    button.title = 'Choose a model'
    return
  }
  const { entry, engine, quantisation } = state
  const { info, plan, variant } = engine
  name.textContent = entry.name
  const where = info.gpu ? 'GPU' : `${variant} · ${threads(info.n_threads)}`
  facts.textContent = `${quantisation} · ${where}`
  const size = `${count(info.n_params / 1e6)} M parameters`
  const memory = `${bytes(plan.total + plan.gpu_total)} of memory`
  const context = `${count(plan.n_ctx)} tokens of context`
  button.title = [info.name, info.architecture, size, `${memory}, ${context}`]
    .filter(Boolean)
    .join(' · ')
}
