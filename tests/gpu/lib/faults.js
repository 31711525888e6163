// Engines on a GPU with faults (dawn.js): their options, and losing their device.
import { setTimeout as sleep } from 'node:timers/promises'
import { prompt } from '../../js/lib/models.js'
import './dawn.js' // for the environment

/** @param {string} file of this folder, with its query */
export const moduleUrl = (file) => new URL(file, import.meta.url).href

/** @param {string} module as dawn.js, which says what may follow its name */
export const onGpu = (module = 'dawn.js', { gpu = {}, ...options } = {}) => ({
  backend: 'webgpu',
  gpu: { allowSoftware: true, module: moduleUrl(module), ...gpu },
  cache_type_k: 'f32', // the reference's
  cache_type_v: 'f32',
  ...options,
})

export const request = { prompt, max_tokens: 8, temperature: 0, ignore_eos: true }

/** Loses the device of the engine that listens to the channel. */
export async function lose(name) {
  const channel = new BroadcastChannel(name)
  channel.postMessage('')
  await sleep(1)
  channel.close()
}

/** Keeps warnings, to be told from each other by their texts. */
export function listener() {
  const warnings = []
  return { warnings, onWarning: (warning) => warnings.push(warning) }
}
