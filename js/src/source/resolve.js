// From what the caller gave to loadModel to a list of files: which the worker reads by itself
// (URLs, paths, in browsers Blobs) and which the main thread reads for it (everything else).
import { invalidArgument } from '../errors.js'
import { blobSource } from './blob.js'
import { bytesSource } from './bytes.js'
import { HttpSource } from './http.js'
import { hubUrl, isHubFile } from './hub.js'
import { isBuffer, readError } from './source.js'
import { streamSource } from './stream.js'

/** @import { MainHost } from '../load.js' */
/** @import { SourceDescriptor } from '../protocol.js' */
/** @import { ModelSource, OpenableSource } from './source.js' */
/** @import { FileHandle, HubFile, LoadModelOptions, ModelFile } from '../types.js' */

const SPLIT = /-00001-of-(\d{5})(\.gguf)$/
const MAX_FILES = 1024

/**
 * Handles of the browser's file systems become the files that they stand for.
 * @param {ModelFile | FileHandle | (ModelFile | FileHandle)[]} source
 * @returns {Promise<ModelFile | ModelFile[]>}
 */
export async function openHandles(source) {
  if (Array.isArray(source)) return Promise.all(source.map(openHandle))
  return openHandle(source)
}

/** @param {ModelFile | FileHandle} file */
async function openHandle(file) {
  if (!(typeof file === 'object' && file !== null && 'getFile' in file)) return file
  try {
    return await file.getFile()
  } catch (error) {
    throw readError(file.name, error)
  }
}

/**
 * @param {ModelFile | ModelFile[]} source
 * @param {LoadModelOptions} options
 * @param {MainHost} host
 */
export function describeSources(source, options, host) {
  const files = Array.isArray(source)
    ? source.map((file) => located(file, host))
    : expandSplit(located(source, host), host)
  if (files.length === 0 || files.length > MAX_FILES) {
    throw invalidArgument('source', `must be 1 to ${MAX_FILES} files, not ${files.length}`)
  }
  /** @type {OpenableSource[]} */
  const local = []
  const keep = (/** @type {OpenableSource} */ opened) => {
    const descriptor = { kind: /** @type {const} */ ('remote'), index: local.length }
    local.push(opened)
    return { ...descriptor, name: opened.name }
  }
  const descriptors = files.map((file) => describe(file, options, host, keep))
  return { descriptors, local }
}

/**
 * @param {Exclude<ModelFile, HubFile>} file
 * @param {LoadModelOptions} options
 * @param {MainHost} host
 * @param {(source: OpenableSource) => SourceDescriptor} keep makes one that the main thread reads
 * @returns {SourceDescriptor}
 */
function describe(file, options, host, keep) {
  if (typeof file === 'string' || file instanceof URL) {
    const place = host.locate(String(file))
    if (place.kind === 'path') return place
    const init = plainInit(options.fetchOptions)
    const { retry = undefined } = options
    if (options.fetch) return keep(new HttpSource(place.url, init, options.fetch, retry))
    return { ...place, init, retry }
  }
  if (file instanceof Blob) {
    return host.blobsTravel ? { kind: 'blob', blob: file } : keep(blobSource(file))
  }
  if (file instanceof ReadableStream) {
    if (!file.locked) return keep(streamSource(file))
    throw invalidArgument('source', 'the stream is locked: somebody else reads it')
  }
  if (isBuffer(file) || ArrayBuffer.isView(file)) return keep(bytesSource(file))
  if (isNodeStream(file)) {
    throw invalidArgument(
      'source',
      "a stream of Node.js is not taken: give Readable.toWeb(stream), or the file's path",
    )
  }
  if (
    typeof file === 'object' &&
    file !== null &&
    'read' in file &&
    typeof file.read === 'function'
  ) {
    return keep(customSource(file))
  }
  const kinds =
    'a URL, path, File, Blob, ReadableStream, bytes, { repo, file }, or an object with read()'
  throw invalidArgument('source', `must be ${kinds}`)
}

/**
 * It has a read() too, of another kind.
 * @param {unknown} file
 */
const isNodeStream = (file) =>
  typeof file === 'object' && file !== null && 'pipe' in file && typeof file.pipe === 'function'

/**
 * A file on a hub by its URL; all others as they are.
 * @param {ModelFile} file
 * @param {MainHost} host
 * @returns {Exclude<ModelFile, HubFile>}
 */
const located = (file, host) => (isHubFile(file) ? hubUrl(file, host.locate) : file)

/**
 * The first file of a split names the others.
 * @param {Exclude<ModelFile, HubFile>} source
 * @param {MainHost} host
 * @returns {Exclude<ModelFile, HubFile>[]}
 */
function expandSplit(source, host) {
  if (typeof source !== 'string' && !(source instanceof URL)) return [source]
  const place = host.locate(String(source))
  const text = place.kind === 'path' ? place.path : place.url
  const query = place.kind === 'path' ? '' : (/[?#].*/s.exec(text)?.[0] ?? '')
  const name = text.slice(0, text.length - query.length)
  const match = SPLIT.exec(name)
  if (!match) return [source]
  const stem = name.slice(0, match.index)
  const count = Math.min(Number(match[1]), MAX_FILES + 1)
  return Array.from({ length: count }, (_, index) => {
    const number = String(index + 1).padStart(5, '0')
    return `${stem}-${number}-of-${match[1]}${match[2]}${query}`
  })
}

/**
 * fetch options that can be sent to a worker.
 * @param {RequestInit} [init]
 * @returns {RequestInit}
 */
function plainInit({ headers, signal: _, ...init } = {}) {
  return { ...init, headers: [...new Headers(headers)] }
}

/**
 * @param {ModelSource} source
 * @returns {OpenableSource}
 */
function customSource(source) {
  return {
    name: source.name ?? 'source',
    size: source.size,
    supportsRanges: Boolean(source.supportsRanges),
    once: !source.supportsRanges,
    async open() {},
    read: (offset, length, signal) => source.read(offset, length, signal),
    close() {},
  }
}
