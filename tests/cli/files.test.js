// Model files that are missing, out of reach, damaged or something else, and split models.
import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { failsWith, root, scratch, sotto, succeeds, tiny } from './command.js'

const inScratch = (name, data) => {
  const path = join(scratch, name)
  writeFileSync(path, data)
  return path
}
const whole = readFileSync(join(root, tiny('q4_0')))
const greedy = ['--temp', '0', '-n', '8', '-p', 'Hello']

test('a missing file', () =>
  failsWith(1, 'cannot open models/none.gguf: No such file or directory', [
    'run',
    ...['-m', 'models/none.gguf', '-p', 'x'],
  ]))

test('a folder that was not granted', async () => {
  const args = ['run', '-m', tiny('f32'), '-p', 'x']
  await failsWith(
    1,
    `cannot open ${tiny('f32')}: the folder was not granted; start with wasmtime run ` +
      "--dir='models/tiny' …",
    args,
    { dirs: [] },
  )
  await failsWith(1, /granted; start with wasmtime run --dir='\.' …\n$/, [
    'inspect',
    '-m',
    'x.gguf',
  ])
})

test('a folder that was not granted, beside one that was', async () => {
  const outside = join(scratch, '..', 'elsewhere', 'x.gguf')
  const cases = [
    ['/elsewhere/x.gguf', '/elsewhere'],
    [outside, join(scratch, '..', 'elsewhere')],
    ['../x.gguf', '..'],
    ['models/../../x.gguf', 'models/../..'],
    ['models-too/x.gguf', 'models-too'],
    ['./models-too/x.gguf', 'models-too'],
  ]
  for (const [path, folder] of cases) {
    const reason = `the folder was not granted; start with wasmtime run --dir='${folder}' …`
    await failsWith(1, `cannot open ${path}: ${reason}`, ['inspect', '-m', path])
  }
  const state = ['run', '-m', tiny('f32'), '-p', 'x', '-n', '1', '--save-state', '/elsewhere/s']
  const { code, stderr } = await sotto(state)
  assert.equal(code, 1)
  assert.match(
    stderr,
    /^sotto: cannot open \/elsewhere\/s: the folder was not granted; .*'\/elsewhere' …$/m,
  )
  const here = await sotto(['inspect', '-m', './none.gguf'], { dirs: ['.', 'models'] })
  assert.equal(here.stderr, 'sotto: cannot open ./none.gguf: No such file or directory\n')
})

test('a link that leads out of the granted folder', async () => {
  const path = join(scratch, 'link.gguf')
  symlinkSync(join(root, tiny('f32')), path)
  const reason = /: it leads out of the granted folder by a link, .* with --dir\n$/
  await failsWith(1, reason, ['inspect', '-m', path])
  rmSync(path)
})

test('one granted folder is enough', async () => {
  const text = await succeeds(['run', '-m', tiny('f32'), ...greedy], { dirs: ['models/tiny'] })
  assert.notEqual(text, '')
})

test('a folder in the place of a model', () =>
  failsWith(1, 'models/tiny is a folder; name the .gguf file in it', [
    'inspect',
    '-m',
    'models/tiny',
  ]))

test('an empty file', async () => {
  const path = inScratch('empty.gguf', '')
  await failsWith(1, `${path} is empty; download it again`, ['inspect', '-m', path])
})

test('something that is not a GGUF file', async () => {
  const path = inScratch('text.gguf', 'This is a text of some length, not a model.\n')
  const { code, stdout, stderr } = await sotto(['run', '-m', path, '-p', 'x'])
  assert.deepEqual([code, stdout], [1, ''])
  assert.ok(stderr.startsWith(`sotto: ${path}: `), stderr)
  assert.match(stderr, /GGUF/)
})

test('a file cut anywhere fails, names itself, and traps nowhere', async () => {
  const cuts = [1, 4, 8, 23, 24, 100, 5000, whole.length >> 1, whole.length - 1]
  for (const cut of cuts) {
    const path = inScratch('cut.gguf', whole.subarray(0, cut))
    const { code, stdout, stderr } = await sotto(['run', '-m', path, '-p', 'x', '--json'])
    assert.equal(code, 1, `cut at ${cut}: ${stderr}`)
    assert.ok(stderr.startsWith(`sotto: ${path}: `), `cut at ${cut}: ${stderr}`)
    assert.equal(stderr.trimEnd().split('\n').length, 1, `cut at ${cut}: ${stderr}`)
    const { error } = JSON.parse(stdout)
    assert.equal(error.code, 'truncated_file', `cut at ${cut}`)
    assert.equal(stderr, `sotto: ${error.message}\n`)
  }
})

test('any part of a split model names the whole', async () => {
  const expected = await succeeds(['run', '-m', tiny('f16'), ...greedy])
  for (const part of ['00001', '00003']) {
    const path = `models/tiny/tiny-f16-${part}-of-00003.gguf`
    assert.equal(await succeeds(['run', '-m', path, ...greedy]), expected)
  }
})

test('a split model without one of its parts', async () => {
  for (const part of ['00001', '00002']) {
    const name = `tiny-f16-${part}-of-00003.gguf`
    copyFileSync(join(root, 'models/tiny', name), join(scratch, name))
  }
  const path = join(scratch, 'tiny-f16-00001-of-00003.gguf')
  const missing = join(scratch, 'tiny-f16-00003-of-00003.gguf')
  await failsWith(1, `cannot open ${missing}: No such file or directory`, ['inspect', '-m', path])
})

test('a part of a split model under another name', async () => {
  const path = join(scratch, 'renamed.gguf')
  copyFileSync(join(root, 'models/tiny/tiny-f16-00001-of-00003.gguf'), path)
  const { code, stderr } = await sotto(['inspect', '-m', path])
  assert.equal(code, 1)
  assert.match(stderr, /-00001-of-00003\.gguf|split/)
})

test('a memory budget that is too small is refused before the body is read', async () => {
  // A file whose body is missing would fail as truncated if it were read.
  const args = ['run', '-m', tiny('f32'), '-p', 'x', '--memory-budget', '100K', '--json']
  const { code, stdout, stderr } = await sotto(args)
  assert.equal(code, 1)
  assert.equal(JSON.parse(stdout).error.code, 'memory_budget_exceeded')
  assert.match(stderr, /^sotto: models\/tiny\/tiny-f32\.gguf: .*\d/)
})

test('memory that the host refuses', async () => {
  const args = ['run', '-m', tiny('f32'), '-p', 'x', '-n', '1', '--json']
  for (let limit = 1_300_000; ; limit += 200_000) {
    const flags = ['-W', `max-memory-size=${limit}`]
    const { code, stdout, stderr } = await sotto(args, { flags })
    if (code === 0) break
    assert.ok(limit < 5_000_000)
    assert.equal(code, 1, stderr)
    assert.match(stderr, /^sotto: .*out of memory.*\n$/)
    assert.equal(JSON.parse(stdout).error.code, 'out_of_memory')
  }
})

test('a prompt, template or state that cannot be read', async () => {
  const run = ['run', '-m', tiny('f32')]
  const reason = 'No such file or directory'
  await failsWith(1, `cannot open models/p.txt: ${reason}`, [...run, '-f', 'models/p.txt'])
  await failsWith(1, `cannot open models/t: ${reason}`, [
    ...[...run, '-p', 'x', '--chat-template-file', 'models/t'],
  ])
  await failsWith(1, `cannot open models/s: ${reason}`, [
    ...run,
    '-p',
    'x',
    '--load-state',
    'models/s',
  ])
  mkdirSync(join(scratch, 'folder'))
  await failsWith(1, `cannot read ${scratch}/folder: it is a folder`, [
    ...[...run, '-f', join(scratch, 'folder')],
  ])
})
