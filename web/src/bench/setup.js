// What is to be measured: the model, the tests, how often, with how many threads.
import { byId, make } from '../dom.js'
import { modelFacts } from '../first-model.js'
import { entryFromUrl, siteModels } from '../models.js'
import { askName, presets } from './tests.js'

/** @import { ModelEntry } from '../types.js' */
/** @import { Result } from './result.js' */

const FIRST_PRESET = 'standard'

export class Setup {
  #form = byId('setup', HTMLFormElement)
  #run = byId('run', HTMLButtonElement)
  #rounds = byId('rounds', HTMLInputElement)
  #threads = byId('threads', HTMLInputElement)
  #note = byId('setup-note')
  /** @type {ModelEntry | undefined} */
  #entry

  /**
   * @param {() => void} onRun
   * @param {string} search of the page's address: ?model, preset, rounds and threads
   *   are the first values
   */
  constructor(onRun, search) {
    const given = new URLSearchParams(search)
    this.#makePresets()
    this.setPreset(given.get('preset') ?? FIRST_PRESET)
    if (within(this.#rounds, given.get('rounds'))) this.#rounds.value = given.get('rounds') ?? ''
    if (within(this.#threads, given.get('threads')))
      this.#threads.value = given.get('threads') ?? ''
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault()
      if (this.#entry) onRun()
    })
    this.#first(given.get('model'))
  }

  /** @param {string | null} named */
  async #first(named) {
    const entries = await siteModels()
    if (this.#entry) return // somebody was faster
    const named_ = named ? attempt(() => entryFromUrl(named)) : undefined
    const entry = entries.find(({ source }) => source === named_?.source) ?? named_ ?? entries[0]
    if (entry) await this.choose(entry)
    else byId('bench-model-name').textContent = 'Choose one'
  }

  /** @param {ModelEntry} entry */
  async choose(entry) {
    this.#entry = entry
    this.#note.hidden = true
    byId('bench-model-name').textContent = entry.name
    const facts = await modelFacts(entry)
    if (this.#entry !== entry) return
    const where = typeof entry.source === 'string' ? new URL(entry.source).host : 'your file'
    byId('bench-model-facts').textContent = facts || where
    this.#run.disabled = false
  }

  /**
   * The same as was measured for a result, as far as this page has it.
   * @param {Result} result
   */
  async like({ model, run }) {
    this.setPreset(run.preset)
    if (run.rounds >= 1 && run.rounds <= Number(this.#rounds.max))
      this.#rounds.value = `${run.rounds}`
    const same = (/** @type {ModelEntry} */ entry) =>
      model.sha256 ? entry.sha256 === model.sha256 : entry.name === model.name
    const entry = (await siteModels()).find(same)
    if (entry) return this.choose(entry)
    const advice = 'choose its file or address to measure the same.'
    this.#note.textContent = `This page does not list ${model.name}: ${advice}`
    this.#note.hidden = false
  }

  /** @param {string} name one that is not known changes nothing */
  setPreset(name) {
    if (!Object.hasOwn(presets, name)) return
    byId(`preset-${name}`, HTMLInputElement).checked = true
    this.#describe(name)
  }

  get entry() {
    return this.#entry
  }

  get preset() {
    return String(new FormData(this.#form).get('preset'))
  }

  get rounds() {
    return this.#rounds.valueAsNumber
  }

  /** @returns {number | undefined} undefined: automatic */
  get threads() {
    return this.#threads.value ? this.#threads.valueAsNumber : undefined
  }

  /** @param {boolean} shown */
  show(shown) {
    this.#form.hidden = !shown
  }

  focus() {
    this.#run.focus()
  }

  #makePresets() {
    for (const [name, { label, rounds }] of Object.entries(presets)) {
      const input = make('input', '')
      Object.assign(input, { type: 'radio', name: 'preset', value: name, id: `preset-${name}` })
      input.addEventListener('change', () => {
        this.#describe(name)
        this.#rounds.value = String(rounds)
      })
      byId('presets').append(make('label', 'segment', input, make('span', '', label)))
    }
  }

  /** @param {string} name */
  #describe(name) {
    const list = presets[name].asks.map(askName).join('; ')
    byId('preset-help').textContent = `${list.replace(/^./, (letter) => letter.toUpperCase())}.`
  }
}

/** @param {HTMLInputElement} input @param {string | null} text */
function within(input, text) {
  const value = Number(text)
  return (
    Boolean(text) &&
    Number.isInteger(value) &&
    value >= Number(input.min) &&
    value <= Number(input.max)
  )
}

/** @template T @param {() => T} work @returns {T | undefined} */
function attempt(work) {
  try {
    return work()
  } catch {
    return undefined
  }
}
