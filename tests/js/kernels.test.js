// The kernels' own tests in this engine: what a kernel may use differs from engine to engine,
// and with that the variants that run here and not under wasmtime.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { WASI } from 'node:wasi'

const tests = new URL('../../build/wasi/sotto_tests.wasm', import.meta.url)

test('kernels give the same bits in V8', async (t) => {
  const bytes = readFileSync(tests)
  if (!WebAssembly.validate(bytes)) return t.skip('no relaxed SIMD')
  const wasi = new WASI({ version: 'preview1', args: ['tests', 'kernels'], returnOnExit: true })
  const { instance } = await WebAssembly.instantiate(bytes, wasi.getImportObject())
  assert.equal(wasi.start(instance), 0)
})
