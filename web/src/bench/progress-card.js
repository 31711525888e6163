// The card of a run under way. Little is drawn while something is measured: once for every request.
import { announce, byId, make } from '../dom.js'
import { bytes, remaining } from '../format.js'
import { Rate } from '../rate.js'
import { summary } from './summary.js'
import { longName, shortName } from './tests.js'
import { valueText } from './words.js'

/** @import { Test } from './result.js' */
/** @import { Step } from './run.js' */

export class ProgressCard {
  #card = byId('running')
  #bar = byId('running-bar', HTMLProgressElement)
  #rate = new Rate()
  #title = ''
  #name = ''

  /** @param {() => void} onCancel */
  constructor(onCancel) {
    byId('cancel').addEventListener('click', onCancel)
  }

  /** @param {string} name of the model */
  begin(name) {
    this.#name = name
    this.#rate = new Rate()
    this.#card.hidden = false
    this.#bar.removeAttribute('value')
    byId('running-list').replaceChildren()
    this.#set(`Loading ${name}`, 'Starting')
    byId('cancel').focus()
  }

  end() {
    this.#card.hidden = true
  }

  /** @param {Step} step */
  show(step) {
    if (step.phase === 'load') return this.#loading(step.progress)
    const { phase, round, rounds, what, done, all, tests } = step
    this.#bar.value = done / all
    const title = phase === 'warm-up' ? 'Warming up' : `Round ${round} of ${rounds}`
    this.#set(title, phase === 'warm-up' ? `Not counted: ${what}` : `Measuring ${what}`)
    byId('running-list').replaceChildren(...tests.map((test) => line(test, rounds)))
  }

  /** @param {{ status: string, loaded: number, total: number }} progress */
  #loading({ status, loaded, total }) {
    if (status === 'header') return this.#set(`Loading ${this.#name}`, 'Reading the header')
    if (status === 'ready') return this.#set(`Loading ${this.#name}`, 'Ready')
    if (status === 'verify') return this.#set(`Loading ${this.#name}`, 'Checking its hash')
    this.#rate.add(loaded)
    if (total) this.#bar.value = loaded / total
    const { perSecond } = this.#rate
    const text = [
      total ? `${bytes(loaded)} of ${bytes(total)}` : bytes(loaded),
      perSecond ? `${bytes(Math.round(perSecond))}/s` : '',
      loaded < total ? remaining(this.#rate.remaining(total)) : '',
    ]
    this.#set(`Loading ${this.#name}`, text.filter(Boolean).join(' · '))
  }

  /** @param {string} title @param {string} text */
  #set(title, text) {
    byId('running-text').textContent = text
    if (title === this.#title) return
    this.#title = title
    byId('running-title').textContent = title
    announce(title)
  }
}

/** What is known of a test so far. @param {Test} test @param {number} rounds */
function line(test, rounds) {
  const { kind, samples } = test
  const known = samples.length > 0
  const value = known ? valueText(summary(samples).median, kind) : '–'
  const name = make(
    'span',
    '',
    make('span', 'test-name', shortName(test)),
    make('span', 'help', longName(test)),
  )
  const times = make('span', 'help', `${samples.length} of ${rounds}`)
  return make('li', known ? 'known' : '', name, make('strong', '', value), times)
}
