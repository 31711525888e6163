// A file in a repository of Hugging Face, or of a mirror with the same paths, as its URL.
// Nothing that a caller gives can leave the repository: what an attacker may have chosen is
// one segment of a path.
import { check, string } from '../check.js'
import { invalidArgument } from '../errors.js'

/** @import { HubFile, ModelFile } from '../types.js' */

/** @param {ModelFile} file @returns {file is HubFile} */
export const isHubFile = (file) =>
  typeof file === 'object' && file !== null && 'repo' in file && !('read' in file)

/**
 * @param {HubFile} source
 * @param {(text: string) => { kind: 'url', url: string } | { kind: 'path', path: string }} locate
 */
export function hubUrl(source, locate) {
  const rules = { repo: string, file: string, revision: string }
  const { repo = '', file = '', revision = 'main' } = check(source, rules, ['baseUrl'])
  const base = baseOf(source.baseUrl ?? 'https://huggingface.co', locate)
  if (!/^[\w.-]+\/[\w.-]+$/.test(repo)) throw invalidArgument('repo', 'must be owner/name')
  const name = segments('repo', repo).join('/')
  const version = segments('revision', revision).join('%2F') // one segment: refs/pr/1 is a revision
  return `${base}/${name}/resolve/${version}/${segments('file', file).join('/')}`
}

/**
 * @param {string} field
 * @param {string} path
 */
function segments(field, path) {
  return path.split('/').map((segment) => {
    if (segment === '' || segment === '.' || segment === '..') {
      throw invalidArgument(field, 'must not be empty nor have empty segments, "." or ".."')
    }
    // Lone surrogates have no encoding; backslashes and control characters have odd readers.
    if (/[\\\p{Cc}\p{Cs}]/u.test(segment)) {
      throw invalidArgument(field, 'must not have backslashes or control characters')
    }
    return encodeURIComponent(segment)
  })
}

/**
 * @param {unknown} given
 * @param {(text: string) => { kind: 'url', url: string } | { kind: 'path', path: string }} locate
 */
function baseOf(given, locate) {
  const wrong = () => invalidArgument('baseUrl', 'must be an http: or https: URL without query')
  if (typeof given !== 'string' && !(given instanceof URL)) throw wrong()
  try {
    const place = locate(String(given)) // a page's own paths are fine in browsers
    const url = new URL(place.kind === 'url' ? place.url : '')
    const { protocol, search, hash, username, password } = url
    if (!/^https?:$/.test(protocol) || search || hash || username || password) throw wrong()
    return url.href.replace(/\/+$/, '')
  } catch {
    throw wrong()
  }
}
