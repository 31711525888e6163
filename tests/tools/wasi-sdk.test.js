// cmake/wasi.cmake with WASI_SDK_PATH: a folder laid out like wasi-sdk builds a program that runs.
// The compiler and the library in it are Debian's; wasi-sdk itself is not tested here.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { inRoot } from '../../tools/lib/paths.mjs'
import { run } from '../../tools/lib/proc.mjs'
import { wasmtime } from '../../tools/setup/packages.mjs'

const skip = process.env.WASI_SDK_PATH ? 'the real one is in use' : false

test('a wasi-sdk folder is used when WASI_SDK_PATH names it', { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wasi-sdk-'))
  try {
    for (const name of ['bin', 'share/wasi-sysroot/lib', 'share/wasi-sysroot/include', 'app']) {
      mkdirSync(join(folder, name), { recursive: true })
    }
    for (const name of ['clang', 'llvm-ar', 'llvm-ranlib', 'wasm-ld']) {
      symlinkSync(`/usr/lib/llvm-19/bin/${name}`, join(folder, 'bin', name))
    }
    for (const name of ['lib', 'include']) {
      const path = join(folder, 'share/wasi-sysroot', name, 'wasm32-wasi')
      symlinkSync(`/usr/${name}/wasm32-wasi`, path)
    }
    const app = join(folder, 'app')
    writeFileSync(
      join(app, 'a.c'),
      '#include <stdio.h>\nint main(void) { return puts("hi") < 0; }\n',
    )
    const list = ['cmake_minimum_required(VERSION 3.25)', 'project(a C)', 'add_executable(a a.c)']
    writeFileSync(join(app, 'CMakeLists.txt'), `${list.join('\n')}\n`)

    const env = { WASI_SDK_PATH: folder }
    const toolchain = `-DCMAKE_TOOLCHAIN_FILE=${inRoot('cmake', 'wasi.cmake')}`
    const build = join(app, 'build')
    await run('cmake', ['-G', 'Ninja', '-S', app, '-B', build, toolchain], { env })
    assert.match(
      readFileSync(join(build, 'CMakeFiles', 'rules.ninja'), 'utf8'),
      /--sysroot=.*wasi-sysroot/,
    )
    await run('cmake', ['--build', build], { env })
    assert.equal(await run(wasmtime(), ['run', join(build, 'a.wasm')]), 'hi\n')
  } finally {
    rmSync(folder, { recursive: true })
  }
})
