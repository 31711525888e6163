// What the browser says about itself and the machine. No more than a reader of figures needs.

/** @import { Result } from './result.js' */

/** @typedef {{ brand: string, version: string }} Brand */
/**
 * @typedef {{ brands?: Brand[], platform?: string,
 *   getHighEntropyValues?: (names: string[]) => Promise<Record<string, string>> }} AgentData
 */

/** @returns {Promise<Result['environment']>} */
export async function environment() {
  /** @type {AgentData | undefined} */
  const data = Reflect.get(navigator, 'userAgentData')
  const more = await data
    ?.getHighEntropyValues?.(['architecture', 'bitness'])
    .catch(() => undefined)
  const { userAgent, hardwareConcurrency } = navigator
  const memory = Number(Reflect.get(navigator, 'deviceMemory') ?? 0)
  return {
    browser: browserName(data?.brands ?? [], userAgent),
    platform: data?.platform || platformName(userAgent),
    architecture: architectureName(more),
    processors: hardwareConcurrency || 1,
    device_memory: memory,
    isolated: globalThis.crossOriginIsolated === true,
  }
}

/**
 * Name and version. Browsers list several brands: one that is made up, Chromium, which they are
 * made of, and their own, which is wanted.
 * @param {Brand[]} brands
 * @param {string} userAgent for browsers that have no brands
 */
export function browserName(brands, userAgent) {
  const real = brands.filter(({ brand }) => !/not.*brand/i.test(brand))
  const own = real.find(({ brand }) => brand !== 'Chromium') ?? real[0]
  if (own) return clean(`${own.brand} ${own.version}`)
  for (const [name, pattern] of agents) {
    const version = pattern.exec(userAgent)?.[1]
    if (version) return `${name} ${version}`
  }
  return 'unknown browser'
}

/** In this order: most claim to be others too. @type {[string, RegExp][]} */
const agents = [
  ['Firefox', /(?:Firefox|FxiOS)\/(\d+)/],
  ['Edge', /Edg(?:A|iOS)?\/(\d+)/],
  ['Chrome', /(?:Chrome|CriOS)\/(\d+)/],
  ['Safari', /Version\/(\d+(?:\.\d+)?).*Safari/],
]

/** @type {[string, RegExp][]} */
const platforms = [
  ['Android', /Android/],
  ['iOS', /iPhone|iPad/],
  ['Windows', /Windows/],
  ['macOS', /Mac OS X/],
  ['Linux', /Linux/],
]

/** @param {string} userAgent */
export const platformName = (userAgent) =>
  platforms.find(([, pattern]) => pattern.test(userAgent))?.[0] ?? 'unknown system'

/** @param {Record<string, string> | undefined} more */
const architectureName = (more) =>
  clean([more?.architecture, more?.bitness && `${more.bitness} bit`].filter(Boolean).join(' '))

/** @param {string} text */
const clean = (text) => text.replace(/[^\x20-\x7e]/g, '').slice(0, 80)
