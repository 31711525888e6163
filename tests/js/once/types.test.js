// The declarations that the package ships: a strict program compiles against them, with a browser's
// types and with those of Node.js alone, and its mistakes do not.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { inRoot } from '../../../tools/lib/paths.mjs'
import { run } from '../../../tools/lib/proc.mjs'

const tsc = inRoot('node_modules', '.bin', 'tsc')
const consumer = (name) => inRoot('tests', 'js', 'once', 'consumer', `${name}.ts`)

before(() => run(tsc, ['-p', inRoot('js')]))

const strict = {
  strict: true,
  noEmit: true,
  skipLibCheck: false,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  target: 'es2022',
}
const projects = {
  'a bundler, in a browser': {
    ...strict,
    module: 'esnext',
    moduleResolution: 'bundler',
    lib: ['es2022', 'dom', 'dom.iterable', 'esnext.disposable'],
    types: [],
  },
  'Node.js': {
    ...strict,
    module: 'nodenext',
    lib: ['es2022', 'esnext.disposable'],
    types: ['node'],
    typeRoots: [inRoot('node_modules', '@types')],
  },
}

/** What tsc says. */
async function compile(compilerOptions, file) {
  const folder = mkdtempSync(join(tmpdir(), 'types-'))
  try {
    const project = join(folder, 'tsconfig.json')
    writeFileSync(project, JSON.stringify({ compilerOptions, files: [file] }))
    return await run(tsc, ['-p', project])
  } finally {
    rmSync(folder, { recursive: true })
  }
}

for (const [name, compilerOptions] of Object.entries(projects)) {
  test(`a strict program compiles: ${name}`, async () => {
    assert.equal(await compile(compilerOptions, consumer('consumer')), '')
  })
}

test('what only Node.js has is in the types of Node.js alone', async () => {
  const [browser, node] = Object.values(projects)
  assert.equal(await compile(node, consumer('consumer-node')), '')
  await assert.rejects(compile(browser, consumer('consumer-node')), { output: /openModelCache/ })
})
