// The lint finds what it is there to find.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { checkBanned } from '../../tools/lint/banned.mjs'
import { checkColumns } from '../../tools/lint/columns.mjs'
import { checkIncludes } from '../../tools/lint/includes.mjs'
import { checkJsTables, jsTables } from '../../tools/lint/js-tables.mjs'
import { checkLimits } from '../../tools/lint/limits.mjs'
import { relaxedOpcodes } from '../../tools/lint/opcodes.mjs'
import { checkTables, readmeWithTables } from '../../tools/lint/tables.mjs'
import { bytesWithoutNames } from '../../tools/lint/wasm.mjs'

/** Runs a check over a small source tree. */
function checkTree(check, files) {
  const root = mkdtempSync(join(tmpdir(), 'lint-'))
  try {
    const all = { 'src/layers.txt': 'base\ntensor\nkernels\n', ...files }
    for (const [path, text] of Object.entries(all)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    return check(root)
  } finally {
    rmSync(root, { recursive: true })
  }
}

test('an include of an earlier layer or of the same one is right', () => {
  const problems = checkTree(checkIncludes, {
    'src/base/status.h': '#include <stddef.h>\n',
    'src/tensor/dtype.h': '#include "base/status.h"\n',
    'src/tensor/dtype.c': '#include "tensor/dtype.h"\n/* #include "kernels/x.h" */\n',
  })
  assert.deepEqual(problems, [])
})

test('an include of a later layer is found', () => {
  const problems = checkTree(checkIncludes, {
    'src/kernels/gemm.h': '',
    'src/base/status.c': '\n#include "kernels/gemm.h"\n',
  })
  assert.equal(problems.length, 1)
  assert.match(problems[0], /^src\/base\/status\.c:2: .*points the wrong way/)
})

test('rooms of a layer include those above them, files beside the rooms all of them', () => {
  const problems = checkTree(checkIncludes, {
    'src/tensor/rooms.txt': 'low\nhigh\n',
    'src/tensor/top.h': '#include "tensor/high/a.h"\n',
    'src/tensor/high/a.h': '#include "tensor/low/a.h"\n#include "base/a.h"\n',
    'src/tensor/low/a.h': '',
    'src/tensor/low/b.c': '#include "tensor/low/a.h"\n#include "tensor/high/a.h"\n',
    'src/tensor/low/c.c': '#include "tensor/top.h"\n',
    'src/tensor/other/a.c': '',
    'src/base/a.h': '',
    'src/kernels/deep/a.c': '#include "tensor/high/a.h"\n',
  })
  assert.deepEqual(
    problems.map((problem) => problem.split(' ')[0]),
    ['src/tensor/low/b.c:2:', 'src/tensor/low/c.c:1:', 'src/tensor/other/a.c'],
  )
  assert.match(problems[0], /points the wrong way: low is above it in rooms\.txt$/)
})

test('relative, unknown and missing includes and unknown layers are found', () => {
  const problems = checkTree(checkIncludes, {
    'src/base/a.c': '#include "b.h"\n#include "../base/b.h"\n#include "base/none.h"\n',
    'src/extra/a.c': '',
  })
  assert.deepEqual(
    problems.map((problem) => problem.split(/[ :]/)[0]),
    ['src/base/a.c', 'src/base/a.c', 'src/base/a.c', 'src/extra/a.c'],
  )
})

test('banned calls are found; members, longer names, comments and strings are not calls', () => {
  const bad = 'void f(void) { printf("x"); abort(); free(p); y = expf(x); }\n'
  const good = 's->free(p); sotto_exp(x); snprintf(b, n, "exit(1)"); /* exp(x) */ sqrtf(x);\n'
  const problems = checkTree(checkBanned, {
    'src/base/a.c': bad,
    'src/base/b.c': good,
    'src/base/alloc.c': 'p = malloc(n); free(p);\n',
  })
  assert.deepEqual(
    problems.map((problem) => problem.split(' ')[1]),
    ['printf():', 'abort():', 'free():', 'expf():'],
  )
})

test('files that are too long are found', () => {
  const problems = checkTree(checkLimits, {
    'src/base/a.c': '\n'.repeat(800),
    'src/base/b.c': '\n'.repeat(801),
    'src/base/b.h': '\n'.repeat(151),
    'js/x.js': '\n'.repeat(351),
  })
  assert.deepEqual(
    problems.map((problem) => problem.split(':')[0]),
    ['src/base/b.c', 'src/base/b.h', 'js/x.js'],
  )
})

test('lines that are too long are found; a URL may be', () => {
  const url = `https://example.com/${'x'.repeat(100)}`
  const problems = checkTree(checkColumns, {
    'js/src/fits.js': `// ${'x'.repeat(97)}\n// ${'ü'.repeat(97)}\n`,
    'js/src/long.js': `\n// ${'x'.repeat(98)}\n`,
    'tests/c/long.h': `/* ${'x'.repeat(98)} */\n`,
    'tools/url.mjs': `// ${url}\nconst url =\n  '${url}',\n`,
    'tools/words.mjs': `// see ${url}\n`,
    'web/style/long.css': `a { b: ${'x'.repeat(100)} }\n`,
    'web/index.html': 'x'.repeat(200),
    'models/cache/long.js': 'x'.repeat(200),
    'js/node_modules/a/long.js': 'x'.repeat(200),
  })
  assert.deepEqual(
    problems.map((problem) => problem.split(': ')[0]),
    ['js/src/long.js:2', 'tests/c/long.h:1', 'tools/words.mjs:1', 'web/style/long.css:1'],
  )
})

test('relaxed opcodes are found between others', () => {
  const code = [
    ...[0x41, 0xfd, 0x02, 0x1a], // i32.const 381; drop: not a vector prefix
    ...[0x20, 0x00, 0x20, 0x00, 0x20, 0x00, 0xfd, 0x85, 0x02, 0x1a], // f32x4.relaxed_madd; drop
    ...[0xfd, 0x0c, ...Array(16).fill(0xfd), 0x1a], // v128.const; drop
    0x0b,
  ]
  const body = [0x00, ...code]
  const section = [0x01, body.length, ...body]
  const module = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 10, section.length, ...section]
  assert.deepEqual(relaxedOpcodes(Uint8Array.from(module)), { 'f32x4.relaxed_madd': 1 })
  const named = [...module, 0, 5, 4, ...[0x6e, 0x61, 0x6d, 0x65]] // a custom section
  assert.deepEqual(relaxedOpcodes(Uint8Array.from(named)), { 'f32x4.relaxed_madd': 1 })
  assert.equal(bytesWithoutNames(Uint8Array.from(named)), module.length)
})

test("README's tables are made of the code's lists, and compared with them", () => {
  const places = ['families', 'formats', 'tokenizers']
    .map((name) => `<!-- table: ${name} -->\n<!-- end of the table -->\n`)
    .join('text\n')
  const tree = {
    'src/arch/archs.def': 'X("a", "A 1, A 2", read, write)\nX("b", "B",\n  read, write)\n',
    'src/tensor/dtypes.def': 'X(F32, 0, "F32", 1, 4)\nX(Q6_K, 14, "Q6_K", 256, 210)\n',
    'src/tokenizer/models.def':
      'SOTTO_TOKENIZER_MODEL("gpt2", "BPE", bpe, x, by_name, NONE)\n' +
      'SOTTO_TOKENIZER_MODEL("t5", "words", t5, x, t5, NONE) /* no names */\n',
    'src/tokenizer/pretokenizers.def': 'SOTTO_PRETOKENIZER("p", q)\nSOTTO_PRETOKENIZER("r", s)\n',
  }
  const readme = checkTree(readmeWithTables, { ...tree, 'README.md': places })
  const lines = readme.split('\n').filter((line) => line.startsWith('| '))
  assert.deepEqual(
    lines.filter((line) => !line.includes('---')).map((line) => line.slice(2, -2)),
    [
      '`general.architecture` | models',
      '`a` | A 1, A 2',
      '`b` | B',
      'weights | F32 | Q6_K',
      'bits each | 32 | 6.5625',
      '`tokenizer.ggml.model` | tokenizer | `tokenizer.ggml.pre`',
      '`gpt2` | BPE | `p`, `r`',
      '`t5` | words | ',
    ],
  )
  assert.deepEqual(checkTree(checkTables, { ...tree, 'README.md': readme }), [])
  const wrong = readme.replace('A 2', 'A 3')
  assert.equal(checkTree(checkTables, { ...tree, 'README.md': wrong }).length, 1)
  assert.throws(() => checkTree(checkTables, { ...tree, 'README.md': 'text' }), /no place/)
})

test("JavaScript's tables are made of the core's, and compared with them", () => {
  const tree = {
    'src/base/limits.def': '/* LIMIT(x, y, z) */\nLIMIT(a, -1, 20)\nLIMIT(b, 0.5, 1e30)\n',
    'src/kernels/variants.def': 'VARIANT(S, s, s)\nFAMILY(R, r)\nVARIANT(R_1, r_1, r)\n',
    'src/kernels/kv_types.def': 'K(F16, f16)\nK(F8, f8) /* half */\n',
  }
  const made = checkTree(jsTables, tree)
  assert.ok(made.includes('{\n  a: { min: -1, max: 20 },\n  b: { min: 0.5, max: 1e30 },\n}'), made)
  assert.ok(made.includes("{\n  s: 's',\n  r: 'r',\n  r_1: 'r',\n}"), made)
  assert.ok(made.includes("['f16', 'f8']"), made)
  assert.deepEqual(checkTree(checkJsTables, { ...tree, 'js/src/tables.js': made }), [])
  const wrong = made.replace('20', '21')
  assert.equal(checkTree(checkJsTables, { ...tree, 'js/src/tables.js': wrong }).length, 1)
})
