// Both compilers see every kernel, and what is wrong with one is told with its line.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkWgsl } from '../../tools/lint/wgsl.mjs'

const kernel = (body, head = '') => `${head}
@group(0) @binding(0) var<storage, read> a: array<u32>;
@group(0) @binding(1) var<storage, read_write> b: array<u32>;
@compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) {
  ${body}
}`

const named = (problems, name) => problems.filter((problem) => problem.startsWith(`${name}:`))

test('sound kernels pass; those with extensions that naga lacks are named', async () => {
  const { problems, unchecked } = await checkWgsl([
    { name: 'plain', source: kernel('b[i] = a[i] + u32(dot4I8Packed(a[i], 7u));') },
    { name: 'sum', source: kernel('b[i] = subgroupAdd(a[i]);', 'enable subgroups;') },
    { name: 'half', source: kernel('b[i] = u32(f16(a[i]) * 2.0h);', '/* 1 */ enable f16;') },
    { name: 'said', source: kernel('b[i] = a[i];', '// enable f16; would be a directive') },
  ])
  assert.deepEqual(problems, [])
  assert.deepEqual(unchecked, [
    'sum: not by naga, which lacks subgroups here',
    'half: not by naga, which lacks f16 here',
  ])
})

test('a broken kernel is reported by both compilers, with file and line', async () => {
  const { problems } = await checkWgsl([
    { name: 'good.wgsl', source: kernel('b[i] = a[i];') },
    { name: 'syntax.wgsl', source: kernel('b[i] = ;') },
    { name: 'type.wgsl', source: kernel('b[i] = 1.5;') },
    { name: 'write.wgsl', source: kernel('a[i] = 1u;') },
  ])
  assert.deepEqual(named(problems, 'good.wgsl'), [])
  for (const name of ['syntax.wgsl', 'type.wgsl', 'write.wgsl']) {
    const found = named(problems, name)
    assert.equal(found.length, 2, found.join('\n'))
    assert.match(found[0], /^\w+\.wgsl:5:\d+: Tint: error: \w/)
    assert.match(found[1], /^\w+\.wgsl:5:\d+: naga: error: \w/)
  }
})

test('what one compiler alone refuses is a problem, and so is a warning', async () => {
  const { problems } = await checkWgsl([
    { name: 'barrier', source: kernel('if (a[i] < 3u) { workgroupBarrier(); } b[i] = 1u;') },
    { name: 'dead', source: kernel('return; b[i] = a[i];') },
    { name: 'later', source: kernel('b[i] = subgroupAdd(a[i]);', 'enable subgroups, f16;') },
    { name: 'needs', source: kernel('b[i] = a[i];', 'requires uniform_buffer_standard_layout;') },
    { name: 'undeclared', source: kernel('b[i] = subgroupAdd(a[i]);') },
  ])
  const barrier = named(problems, 'barrier')
  assert.match(barrier[0], /^barrier:5:\d+: Tint: error: .*uniform control flow/)
  assert.match(named(problems, 'dead')[0], /^dead:5:\d+: Tint: warning: code is unreachable/)
  assert.deepEqual(named(problems, 'later'), [])
  assert.equal(named(problems, 'needs').length, 1)
  assert.match(named(problems, 'needs')[0], /^needs:1:\d+: naga: error: /)
  assert.match(named(problems, 'undeclared')[0], /^undeclared:5:\d+: Tint: error: .*subgroups/)
})
