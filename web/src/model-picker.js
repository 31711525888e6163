// Choosing a model: the site's list, an address, files; what the cache holds;
// what a model would need.
import { modelCache, planModel } from 'sotto'
import { confirmDialog, openDialog } from './dialogs.js'
import { byId, icon, make, textButton } from './dom.js'
import { bytes } from './format.js'
import { cachedModels, entryFromFiles, entryFromUrl, fileName, siteModels } from './models.js'
import { notice } from './notices.js'
import { planText } from './plan-view.js'
import { loadProblem } from './problems.js'

/** @import { CachedFile, LoadModelOptions } from 'sotto' */
/** @import { ModelEntry } from './types.js' */

export class ModelPicker {
  #onChoose
  #options
  #verb
  /** @type {Promise<ModelEntry[]>} */
  #site = siteModels()
  #dialog = byId('models', HTMLDialogElement)
  #url = byId('model-url', HTMLInputElement)

  /**
   * Elements with data-open-models open the dialog, those with data-open-file ask for files.
   * @param {object} parts
   * @param {(entry: ModelEntry) => void} parts.onChoose
   * @param {() => LoadModelOptions} parts.options that a model would be loaded with
   * @param {string} [parts.verb] what choosing is called
   */
  constructor({ onChoose, options, verb = 'Load' }) {
    this.#onChoose = onChoose
    this.#options = options
    this.#verb = verb
    byId('url-choose').textContent = verb
    const form = byId('url-form', HTMLFormElement)
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      const entry = this.#typed()
      if (entry) this.choose(entry)
    })
    byId('url-plan').addEventListener('click', () => {
      const entry = this.#typed()
      if (entry) this.#plan(entry, byId('url-plan-text'))
    })
    const input = byId('file', HTMLInputElement)
    for (const button of document.querySelectorAll('[data-open-file]')) {
      button.addEventListener('click', () => input.click())
    }
    input.addEventListener('change', () => {
      this.chooseFiles(input.files ?? [])
      input.value = ''
    })
    for (const button of document.querySelectorAll('[data-open-models]')) {
      button.addEventListener('click', () => this.open())
    }
    byId('cache-clear').addEventListener('click', () => this.#clear())
  }

  /** @returns {ModelEntry | undefined} none, and a word about it, if it is no address */
  #typed() {
    this.#url.setCustomValidity('')
    try {
      return entryFromUrl(this.#url.value)
    } catch {
      this.#url.setCustomValidity('This is no web address of a GGUF file.')
      this.#url.reportValidity()
      return undefined
    }
  }

  async open() {
    openDialog('models')
    const entries = await this.#site
    byId('site-models').replaceChildren(...entries.map((entry) => this.#row(entry)))
    await this.#drawCache()
  }

  /** @param {ModelEntry} entry */
  choose(entry) {
    this.#dialog.close()
    this.#onChoose(entry)
  }

  /** @param {Iterable<File>} files */
  chooseFiles(files) {
    const entry = entryFromFiles(files)
    if (entry) this.choose(entry)
  }

  /** @param {ModelEntry} entry */
  #row(entry) {
    const facts = [entry.quantisation, entry.bytes ? bytes(entry.bytes) : '', entry.license]
    facts.push(entry.sha256 ? 'checksum known' : 'no checksum on record')
    const text = make('p', 'muted', facts.filter(Boolean).join(' · '))
    if (entry.sha256) text.title = `sha256 ${entry.sha256}`
    const plan = make('p', 'plan')
    plan.setAttribute('role', 'status')
    const check = textButton('plain', 'Memory', () => this.#plan(entry, plan))
    check.setAttribute('aria-label', `Memory that ${entry.name} needs`)
    const load = textButton('primary', this.#verb, () => this.choose(entry))
    load.setAttribute('aria-label', `${this.#verb} ${entry.name}`)
    const words = make('div', 'row-text', make('strong', '', entry.name), text, plan)
    return make('li', 'row', words, make('div', 'row-buttons', check, load))
  }

  /** @param {ModelEntry} entry @param {HTMLElement} place */
  async #plan(entry, place) {
    const abort = new AbortController()
    this.#dialog.addEventListener('close', () => abort.abort(), { signal: abort.signal })
    place.textContent = 'Reading the header…'
    try {
      const { signal } = abort
      place.textContent = planText(await planModel(entry.source, { ...this.#options(), signal }))
    } catch (error) {
      if (!abort.signal.aborted) place.textContent = loadProblem(error).text
    }
  }

  async #drawCache() {
    const list = await cachedModels()
    byId('cache').hidden = !list
    byId('cache-empty').hidden = list?.length !== 0
    byId('cache-clear').hidden = !list?.length
    byId('cached-models').replaceChildren(...(list ?? []).map((model) => this.#cachedRow(model)))
    const estimate = await modelCache.estimate().catch(() => undefined)
    byId('cache-usage').textContent = estimate
      ? `${bytes(estimate.usage)} used of ${bytes(estimate.quota)} that the browser allows`
      : ''
  }

  /**
   * @param {Promise<unknown>} deleting fails for a model that is being loaded,
   *   here or in another tab
   */
  async #afterDeleting(deleting) {
    await deleting.catch(({ message }) => notice(message))
    await this.#drawCache()
  }

  /** @param {CachedFile} model */
  #cachedRow({ url, size, loaded, complete, verified }) {
    const name = fileName(url)
    const part = complete
      ? bytes(size)
      : `${bytes(loaded)} of ${size > 0 ? bytes(size) : 'an unknown size'}`
    const facts = [part, verified ? 'checksum matched' : '', new URL(url).host]
    const words = make('p', 'muted', facts.filter(Boolean).join(' · '))
    const known = async () => (await this.#site).find(({ source }) => source === url)
    const load = textButton(
      'plain',
      complete || this.#verb !== 'Load' ? this.#verb : 'Go on',
      async () => this.choose((await known()) ?? { name, source: url }),
    )
    const remove = make('button', 'ghost', icon('trash'))
    remove.type = 'button'
    remove.title = `Delete ${name}`
    remove.setAttribute('aria-label', `Delete ${name}`)
    remove.addEventListener('click', () => this.#afterDeleting(modelCache.delete(url)))
    const text = make('div', 'row-text', make('strong', '', name), words)
    return make('li', 'row', text, make('div', 'row-buttons', load, remove))
  }

  async #clear() {
    const text = 'Every model that this page keeps will have to be downloaded again.'
    if (!(await confirmDialog('Delete all cached models?', text, 'Delete all'))) return
    await this.#afterDeleting(modelCache.clear())
  }
}
