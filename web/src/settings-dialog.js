// The form of the settings. Changes count at once; those of loading count when a
// model is loaded next.
import { openDialog } from './dialogs.js'
import { byId, make } from './dom.js'
import { checked, fields } from './settings.js'

/** @import { Library } from './library.js' */
/** @import { Settings } from './settings.js' */

export class SettingsDialog {
  #settings
  #library
  #system = byId('system', HTMLTextAreaElement)
  #compact = byId('compact', HTMLInputElement)
  #gpu = byId('use-gpu', HTMLInputElement)

  /** @param {Settings} settings @param {Library} library */
  constructor(settings, library) {
    this.#settings = settings
    this.#library = library
    for (const goes of /** @type {const} */ (['request', 'load'])) {
      const rows = Object.entries(fields).filter(([, field]) => field.goes === goes)
      byId(`${goes}-fields`).append(...rows.map(([name]) => this.#row(name)))
    }
    this.#system.addEventListener('change', () => {
      const conversation = library.current.value
      conversation.system = this.#system.value.trim()
      if (conversation.messages.length) library.changed(conversation)
      settings.save({ system: conversation.system }) // for new ones
    })
    this.#compact.addEventListener('change', () =>
      settings.save({ compact: this.#compact.checked }),
    )
    this.#gpu.addEventListener('change', () => settings.save({ gpu: this.#gpu.checked }))
    byId('settings-reset').addEventListener('click', async () => {
      await settings.reset()
      this.#fill()
    })
    byId('settings-button').addEventListener('click', () => this.open())
  }

  open() {
    this.#fill()
    openDialog('settings')
  }

  /** @param {string} name */
  #row(name) {
    const { label, min, max, step, help } = fields[name]
    const input = make('input', '')
    Object.assign(input, { type: 'number', id: `set-${name}`, min, max, step, placeholder: 'auto' })
    input.setAttribute('aria-describedby', `help-${name}`)
    input.addEventListener('change', () => {
      const value = input.value === '' ? null : checked(name, input.valueAsNumber)
      input.value = value === null ? '' : String(value)
      this.#settings.save({ values: { ...this.#settings.data.value.values, [name]: value } })
    })
    const text = make('label', '', label)
    text.htmlFor = input.id
    const note = make('p', 'help', help)
    note.id = `help-${name}`
    return make('div', 'field', text, input, note)
  }

  #fill() {
    const { values, compact, gpu } = this.#settings.data.value
    for (const [name, value] of Object.entries(values)) {
      byId(`set-${name}`, HTMLInputElement).value = value === null ? '' : String(value)
    }
    this.#compact.checked = compact
    this.#gpu.checked = gpu
    this.#system.value = this.#library.current.value.system
  }
}
