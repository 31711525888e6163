// Kernels in WGSL compile where people run them: with Tint, which is Chromium's compiler and
// Dawn's, and with naga, which is Firefox's. Dawn's null backend has every feature and needs no
// driver; naga comes with Deno and wants one, and what neither naga nor the driver has (subgroups,
// f16) is checked by Tint alone. Modules are compiled, pipelines are not made.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { create, globals } from 'webgpu'
import { inRoot, toolchain } from '../lib/paths.mjs'
import { deno } from '../setup/packages.mjs'
import { vulkanDriver } from '../setup/system.mjs'
import { compileAll } from './wgsl-compile.mjs'

/**
 * The complaints about kernels, each { name, source }, and which of them naga could not take:
 * { problems, unchecked }.
 */
export async function checkWgsl(kernels) {
  const byNaga = compileWithNaga(kernels)
  const problems = [
    ...(await compileWithTint(kernels)).flatMap((result) => complaints(result, 'Tint')),
    ...byNaga.flatMap((result) => complaints(result, 'naga')),
  ]
  const unchecked = byNaga
    .filter(({ lacks }) => lacks.length)
    .map(({ name, lacks }) => `${name}: not by naga, which lacks ${lacks.join(', ')} here`)
  return { problems, unchecked }
}

function compileWithTint(kernels) {
  Object.assign(globalThis, globals)
  return compileAll(create(['backend=null']), kernels)
}

function compileWithNaga(kernels) {
  const local = ['--no-config', '--no-lock', '--no-remote', '--no-npm', '--no-prompt']
  const program = inRoot('tools', 'lint', 'wgsl-naga.mjs')
  const { status, error, stdout, stderr } = spawnSync(
    deno(),
    ['run', ...local, '--unstable-webgpu', program],
    {
      input: JSON.stringify(kernels),
      encoding: 'utf8',
      maxBuffer: 1 << 26,
      env: {
        ...process.env,
        VK_ICD_FILENAMES: vulkanDriver(),
        DENO_DIR: join(toolchain, 'deno-cache'),
        DENO_NO_UPDATE_CHECK: '1',
      },
    },
  )
  if (status !== 0) throw new Error(`naga in Deno: ${error?.message ?? stderr}`)
  return JSON.parse(stdout)
}

const complaints = ({ name, lacks, messages }, compiler) => [
  ...messages.map(
    ({ type, line, column, text }) => `${name}:${line}:${column}: ${compiler}: ${type}: ${text}`,
  ),
  ...(compiler === 'Tint' ? lacks : []).map((extension) => `${name}: Tint: no ${extension} here`),
]
