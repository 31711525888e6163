// Help, version, and what happens without a command.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { expectFile, failsWith, root, sotto, succeeds } from './command.js'

const commands = ['run', 'chat', 'tokenize', 'inspect', 'perplexity', 'embed', 'bench']

for (const name of commands) {
  test(`sotto ${name} --help`, async () => {
    const text = await succeeds([name, '--help'])
    expectFile(`help-${name}.txt`, text)
    assert.equal(await succeeds([name, '-h']), text)
    assert.equal(await succeeds(['help', name]), text)
    // Defaults are those of the program, whatever was given before --help.
    const sampled = name === 'run' ? ['--temp', '0.25', '--top-k', '7'] : []
    assert.equal(await succeeds([name, ...sampled, '--help']), text)
  })
}

test('help, --help and -h list the commands', async () => {
  const text = await succeeds(['help'])
  expectFile('help.txt', text)
  assert.equal(await succeeds(['--help']), text)
  assert.equal(await succeeds(['-h']), text)
  for (const name of commands) assert.match(text, new RegExp(`^ {2}${name} `, 'm'))
})

test('without a command the same text goes to standard error, with exit code 2', async () => {
  const { code, stdout, stderr } = await sotto([])
  assert.deepEqual([code, stdout], [2, ''])
  expectFile('help.txt', stderr)
})

test('--version tells the version of package.json and the kernels in use', async () => {
  const { version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'))
  assert.equal(await succeeds(['--version']), `sotto ${version} (relaxed)\n`)
})

test('an unknown command', async () => {
  await failsWith(2, "unknown command 'rum'; did you mean 'run'? 'sotto help' lists all", ['rum'])
  await failsWith(2, "unknown command 'generate'; 'sotto help' lists all", ['generate'])
  await failsWith(2, "unknown command 'generate'; 'sotto help' lists all", ['help', 'generate'])
  await failsWith(2, "the command comes first: sotto run -m …; 'sotto help' lists all", ['-m', 'x'])
})
