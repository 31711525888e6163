// A headless Chromium for tests: the system's own, driven by playwright-core, with a fresh profile
// and nothing that talks to the network by itself.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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

/**
 * A browser with a profile on disk, as people have it, and its one context; both end together.
 * `more` are Playwright's options of a context.
 */
export async function openProfile(more = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'sotto-profile-'))
  const options = { ...more, executablePath: findChromium(), headless: true }
  const args = [...flags, '--disable-gpu']
  const context = await driver.launchPersistentContext(directory, { ...options, args })
  context.on('close', () => rm(directory, { recursive: true, force: true }).catch(() => {}))
  return context
}

function findChromium() {
  const path = chromium()
  if (path) return path
  throw new Error('no Chromium: install it, or set CHROMIUM to its path')
}

/** Arguments for WebGPU on SwiftShader. */
export const softwareGpu = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  // It unrolls the zeroing of workgroup memory that Vulkan's extension asks for: seconds.
  '--disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension',
]

/** Starts the browser. `gpu: true` leaves the GPU process on; `args` adds flags. */
export async function openBrowser({ gpu = false, args = [] } = {}) {
  const executablePath = findChromium()
  const more = gpu ? args : ['--disable-gpu', ...args]
  return driver.launch({ executablePath, headless: true, args: [...flags, ...more] })
}
