// What the launcher grants: the folders of the files that the options name, wherever links lead to.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { fileOptions, grant } from '../../tools/lib/grants.mjs'

let root
const at = (...parts) => join(root, ...parts)

/** A file with its folders, or a link. */
function put(path, target) {
  mkdirSync(dirname(at(path)), { recursive: true })
  if (target === undefined) writeFileSync(at(path), '')
  else symlinkSync(target, at(path))
}

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'grants-')))
  mkdirSync(at('here'))
})
afterEach(() => rmSync(root, { recursive: true }))

/** Of one model, seen from the folder `here`. */
const model = (path) => {
  const { args, folders } = grant(['run', '-m', path], at('here'))
  return { path: args[2], folders }
}

test('the options that take files are those of the tables', () => {
  for (const name of ['-m', '--model', '-f', '--chat-template-file', '--save-state']) {
    assert.ok(fileOptions().has(name), name)
  }
  for (const name of ['-p', '--chat-template', '-n', '-r'])
    assert.ok(!fileOptions().has(name), name)
})

test('nothing is granted but the folders of files', () => {
  put('models/x.gguf')
  put('here/notes.txt')
  const args = ['run', '-p', '../models/x.gguf', '--raw', '-f', '-', '--sys=/etc/passwd']
  assert.deepEqual(grant(args, at('here')), { args, folders: [] })
  const files = ['run', '--model=../models/x.gguf', '-f', './notes.txt', '--save-state', 'new']
  const { folders } = grant(files, at('here'))
  assert.deepEqual(folders, ['../models', '.'])
})

test('blanks, two dots and a folder that is not there yet known by its name', () => {
  put('my models/x.gguf')
  put('here/deep/er/x.gguf')
  const path = '../my models/x.gguf'
  assert.deepEqual(model(path), { path, folders: ['../my models'] })
  const round = 'deep/../deep/er/x.gguf'
  assert.deepEqual(model(round), { path: round, folders: ['deep/../deep/er'] })
  assert.deepEqual(model(`././/${path}`), { path, folders: ['../my models'] })
  assert.deepEqual(model(at('my models', 'x.gguf')).folders, [at('my models')])
  assert.deepEqual(model('../my models'), { path: '../my models', folders: ['../my models'] })
  assert.deepEqual(model('none.gguf'), { path: 'none.gguf', folders: ['.'] })
  assert.throws(
    () => model('../none/x.gguf'),
    /^Error: \.\.\/none\/x\.gguf: there is no folder \.\.\/none$/,
  )
})

test('a link is followed to where the file lies', () => {
  put('hub/blobs/1f')
  put('hub/snapshots/r/x.gguf', '../../blobs/1f')
  put('hub/snapshots/r/again.gguf', 'x.gguf')
  put('absolute.gguf', at('hub/snapshots/r/again.gguf'))
  put('linked', 'hub/snapshots')
  const blob = { path: at('hub/blobs/1f'), folders: [at('hub/blobs')] }
  for (const path of ['hub/snapshots/r/x.gguf', 'hub/snapshots/r/again.gguf', 'absolute.gguf']) {
    assert.deepEqual(model(`../${path}`), blob)
  }
  assert.deepEqual(model('../linked/r/x.gguf'), blob)
  // A linked folder is opened by wasmtime itself.
  put('hub/snapshots/r/plain.gguf')
  const plain = '../linked/r/plain.gguf'
  assert.deepEqual(model(plain), { path: plain, folders: ['../linked/r'] })
})

test('a file that is yet to be written, through a link or not', () => {
  put('states/old')
  put('here/state', '../states/old')
  const save = (path) => grant(['chat', '--save-state', path], at('here'))
  assert.deepEqual(save('../states/new').folders, ['../states'])
  assert.deepEqual(save('state'), {
    args: ['chat', '--save-state', at('states/old')],
    folders: [at('states')],
  })
  put('here/lost', '../states/none/x')
  assert.throws(() => save('lost'), /here\/lost is a link to nothing that could be opened/)
})

test('a split model: its parts have to be found beside each other', () => {
  const name = (i) => `x-0000${i}-of-00002.gguf`
  for (const i of [1, 2]) {
    put(`disk/${name(i)}`)
    put(`links/${name(i)}`, at('disk', name(i)))
    put(`hub/blobs/${i}f`)
    put(`hub/snapshots/r/${name(i)}`, `../../blobs/${i}f`)
    put(`torn/${name(i)}`, at(`hub/blobs/${i}f`))
  }
  assert.deepEqual(model(`../disk/${name(1)}`).folders, ['../disk'])
  assert.deepEqual(model(`../links/${name(2)}`), {
    path: at('disk', name(2)),
    folders: [at('disk')],
  })
  const snapshot = `hub/snapshots/r/${name(1)}`
  assert.deepEqual(model(`../${snapshot}`), { path: at(snapshot), folders: [at('hub')] })
  assert.throws(() => model(`../torn/${name(1)}`), /Copy them into one folder/)
})

test('a folder that wasmtime cannot be told of', () => {
  put('a::b/x.gguf')
  put('here/fine::x.gguf')
  const message = /cannot be granted \.\.\/a::b: .* Rename the folder, or copy the file to another$/
  assert.throws(() => model('../a::b/x.gguf'), message)
  assert.deepEqual(model('fine::x.gguf').folders, ['.'])
})
