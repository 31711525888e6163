// What is offered while there is no model: the site's first, or the one used last, in one click.
import { byId } from './dom.js'
import { bytes } from './format.js'
import { entryFromUrl, isCached, siteModels } from './models.js'

/** @import { ModelEntry } from './types.js' */

/**
 * @param {(entry: ModelEntry) => void} choose
 * @param {string} last URL of the model used last; may be empty
 */
export async function offerFirstModel(choose, last) {
  const entries = await siteModels()
  idle(choose, last, entries)
  const [entry] = entries
  const button = byId('load-default', HTMLButtonElement)
  button.hidden = !entry
  if (!entry) return
  byId('load-default-name').textContent = `Load ${entry.name}`
  byId('load-default-facts').textContent = await modelFacts(entry)
  button.disabled = false
  button.addEventListener('click', () => choose(entry))
}

/** Its size, and whether that would have to be downloaded. @param {ModelEntry} entry */
export async function modelFacts(entry) {
  const size = entry.bytes ? bytes(entry.bytes) : ''
  const remote = typeof entry.source === 'string'
  const where = remote
    ? (await isCached(entry))
      ? ', already on this machine'
      : ' to download'
    : ''
  return [entry.quantisation, size && `${size}${where}`].filter(Boolean).join(' · ')
}

/**
 * @param {(entry: ModelEntry) => void} choose
 * @param {string} last
 * @param {ModelEntry[]} entries
 */
function idle(choose, last, entries) {
  const known = entries.find(({ source }) => source === last)
  const entry = known ?? (last ? entryFromUrl(last) : entries[0])
  if (!entry) return
  const button = byId('idle-load')
  button.textContent = `Load ${entry.name}`
  button.hidden = false
  button.addEventListener('click', () => choose(entry))
}
