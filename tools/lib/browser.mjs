// A headless Chromium for tests: the system's own, driven by playwright-core, with a fresh profile
// and nothing that talks to the network by itself.
import { chromium as driver } from 'playwright-core'
import { chromium } from '../setup/system.mjs'

export const flags = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Starts the browser. `gpu: true` leaves the GPU process on; `args` adds flags. */
export async function openBrowser({ gpu = false, args = [] } = {}) {
  const executablePath = chromium()
  if (!executablePath) throw new Error('no Chromium: install it, or set CHROMIUM to its path')
  const more = gpu ? args : ['--disable-gpu', ...args]
  return driver.launch({ executablePath, headless: true, args: [...flags, ...more] })
}
