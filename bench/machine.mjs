// What the figures belong to: the machine, its limits, and the versions of everything
// that took part.
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { inRoot } from '../tools/lib/paths.mjs'
import { ask } from '../tools/lib/proc.mjs'
import { newerNode, wasmtime } from '../tools/setup/packages.mjs'
import { chromium } from '../tools/setup/system.mjs'

const interesting = ['avx2', 'avx_vnni', 'avx512f', 'avx512_vnni', 'asimddp', 'i8mm']

const readText = (path) => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** The name with family and model: virtual machines often say no more than "AMD EPYC". */
function processor(info) {
  const name = cpus()[0]?.model.trim() ?? process.arch
  const of = (field) => info.match(new RegExp(`^${field}\\s*:\\s*(\\d+)$`, 'm'))?.[1]
  const numbers = ['cpu family', 'model'].map((field) => of(field) && `${field} ${of(field)}`)
  return numbers[0] ? `${name} (${numbers.filter(Boolean).join(', ')})` : name
}

export function describeMachine() {
  const info = readText('/proc/cpuinfo')
  const flags = info.match(/^(?:flags|Features)\s*:(.*)$/m)?.[1].split(/\s+/) ?? []
  return {
    cpu: processor(info),
    cores: cpus().length,
    l3_cache: readText('/sys/devices/system/cpu/cpu0/cache/index3/size').trim() || null,
    flags: interesting.filter((flag) => flags.includes(flag)),
    memory_gb: Math.round(totalmem() / 1e9),
    system: `${process.platform} ${release()}`,
  }
}

const line = (program, ...args) => ask(program, args).trim().split('\n')[0]
const packageVersion = (...path) => JSON.parse(readFileSync(inRoot(...path), 'utf8')).version

/** Versions of the contenders that are present, but for those that are Node.js once more. */
export function describeEngines(ids) {
  const peer = (...path) => packageVersion('bench', 'node_modules', ...path, 'package.json')
  const all = {
    chromium: () => line(chromium(), '--version'),
    node24: () => `Node.js ${line(newerNode(), '--version') || process.version}`,
    node20: () => `Node.js ${process.version}`,
    wasmtime: () => line(wasmtime(), '--version'),
    wllama: () => `wllama ${peer('@wllama', 'wllama')}`,
    'llama-cpp': () => nativeVersion(peer),
    'llama-cpp-1': () => nativeVersion(peer),
  }
  const known = ids.filter((id) => all[id])
  return Object.fromEntries((known.length ? known : ['node24']).map((id) => [id, all[id]()]))
}

function nativeVersion(peer) {
  const info = ['bench', 'node_modules', 'node-llama-cpp', 'llama', 'llama.cpp.info.json']
  const { tag } = JSON.parse(readText(inRoot(join(...info))) || '{}')
  return `node-llama-cpp ${peer('node-llama-cpp')}, llama.cpp ${tag ?? 'unknown'}`
}

export const sottoVersion = () => packageVersion('package.json')
