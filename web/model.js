// Loading a model with a progress bar, and what to say when it fails.
import { ERROR_CODES, loadModel, SottoError } from '/sotto/src/browser.js'
import { announce, byId } from './dom.js'

const megabytes = (/** @type {number} */ bytes) =>
  `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`

/**
 * @param {string | File[]} source
 * @param {AbortSignal} signal
 */
export async function load(source, signal) {
  const bar = /** @type {HTMLProgressElement} */ (byId('progress'))
  const text = byId('progress-text')
  bar.removeAttribute('value')
  text.textContent = 'Starting'
  announce('Loading the model')
  const engine = await loadModel(source, {
    signal,
    onProgress({ status, loaded, total }) {
      if (status === 'header') text.textContent = `Reading the header, ${megabytes(loaded)}`
      if (status !== 'weights' || !total) return
      bar.value = loaded / total
      text.textContent = `${megabytes(loaded)} of ${megabytes(total)}`
    },
  })
  announce('The model is ready')
  return engine
}

/** @param {unknown} error */
export const adviceFor = (error) => (error instanceof SottoError ? ERROR_CODES[error.code] : '')
