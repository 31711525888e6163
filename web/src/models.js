// Which models there are to choose: those of the site's list, and those that the
// library's cache holds.
import { modelCache } from 'sotto'
import { titleFrom } from './tree.js'

/** @import { CachedFile } from 'sotto' */
/** @import { ModelEntry } from './types.js' */

/**
 * The site's own list; the first entry is the default.
 * @returns {Promise<ModelEntry[]>} none if there is no list
 */
export async function siteModels() {
  try {
    const response = await fetch('models.json')
    if (!response.ok) return []
    const { default: preferred, models } = await response.json()
    const first = (/** @type {{ id: string }} */ { id }) => (id === preferred ? 0 : 1)
    return models
      .toSorted((/** @type {any} */ a, /** @type {any} */ b) => first(a) - first(b))
      .map(entryFrom)
  } catch {
    return []
  }
}

/** @param {any} model of models.json @returns {ModelEntry} */
const entryFrom = ({ name, url, bytes, sha256, license, quantisation }) => ({
  name,
  quantisation,
  source: new URL(url, document.baseURI).href,
  bytes,
  sha256,
  license,
})

/**
 * @param {string} text what somebody typed
 * @returns {ModelEntry}
 */
export function entryFromUrl(text) {
  const url = new URL(text.trim(), document.baseURI)
  if (!['https:', 'http:'].includes(url.protocol)) throw new TypeError('not a web address')
  return { name: fileName(url.href), source: url.href }
}

/** @param {Iterable<File>} files @returns {ModelEntry | undefined} */
export function entryFromFiles(files) {
  const list = [...files].sort((a, b) => a.name.localeCompare(b.name))
  if (!list.length) return undefined
  const bytes = list.reduce((sum, { size }) => sum + size, 0)
  return { name: list[0].name, source: list, bytes }
}

/** @param {string} url */
export function fileName(url) {
  const name = new URL(url).pathname.split('/').at(-1) ?? ''
  try {
    return titleFrom(decodeURIComponent(name))
  } catch {
    return titleFrom(name)
  }
}

/** @returns {Promise<CachedFile[] | undefined>} undefined: this page may keep nothing */
export const cachedModels = () => modelCache.list().catch(() => undefined)

/** @param {ModelEntry} entry */
export async function isCached({ source }) {
  const list = typeof source === 'string' ? await cachedModels() : []
  return list?.some(({ url, complete }) => url === source && complete) ?? false
}
