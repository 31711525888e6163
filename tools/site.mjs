// The pages, chat and benchmark, as a folder for any static host: build/site. A script in
// one file for each, the library's workers and modules as they are, and a service worker that
// knows every file by name.
//   npm run build -- site
import { createHash } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { writeText } from './lib/files.mjs'
import { inRoot } from './lib/paths.mjs'
import { step } from './lib/report.mjs'
import { policy } from './lib/server.mjs'

export const site = inRoot('build', 'site')

const web = (...parts) => inRoot('web', ...parts)
const text = (...parts) => readFileSync(inRoot(...parts), 'utf8')
const sheets = [
  'tokens',
  'controls',
  'layout',
  'chat',
  'markdown',
  'statistics',
  'dialogs',
  'bench',
]
/** The scripts of the pages, by their names in app/. */
const scripts = { app: ['app.js'], bench: ['bench', 'page.js'] }
const pages = ['index.html', 'bench.html']
const libraries = ['dompurify', 'highlight.js', 'idb', 'marked', 'uplot']

/** Needs the web build. */
export async function buildSite(goal = site) {
  await step('Build site', async () => {
    mkdirSync(dirname(goal), { recursive: true })
    const folder = mkdtempSync(join(dirname(goal), '.site-'))
    try {
      await fill(folder)
      letRead(folder)
      rmSync(goal, { recursive: true, force: true })
      renameSync(folder, goal)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
}

/** A web server's user may read all of it, whatever our umask is and mkdtemp made. */
function letRead(folder) {
  chmodSync(folder, 0o755)
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644)
  }
}

/** @param {string} folder */
async function fill(folder) {
  const put = (name, content) => writeText(join(folder, name), content)
  for (const [name, source] of Object.entries(scripts)) {
    await bundle(web('src', ...source), { file: join(folder, 'app', `${name}.js`), format: 'es' })
  }
  copyLibrary(folder)
  for (const name of ['icon.svg', 'manifest.webmanifest']) cpSync(web(name), join(folder, name))
  put('style.css', styleSheet())
  for (const name of pages) put(name, page(name))
  put('models.json', models())
  put('licenses.txt', licences())
  const { version, files } = precache(folder)
  const facts = {
    name: 'precache',
    resolveId: (id) => (id === 'virtual:precache' ? `\0${id}` : undefined),
    load: (id) =>
      id === '\0virtual:precache'
        ? `export const version = '${version}'\nexport const files = ${JSON.stringify(files)}\n`
        : undefined,
  }
  await bundle(web('sw', 'sw.js'), { file: join(folder, 'sw.js'), format: 'iife' }, [facts])
}

async function bundle(input, output, plugins = []) {
  const { rolldown } = await import('rolldown') // which set-up may have installed just now
  const bundled = await rolldown({ input, platform: 'browser', plugins })
  await bundled.write({ minify: true, codeSplitting: false, ...output })
  await bundled.close()
}

/** As deep as in the package: the library finds its files relative to its own. */
function copyLibrary(folder) {
  const from = inRoot('js', 'dist')
  const modules = readdirSync(from).filter((name) => /\.wasm$|^(gpu|kernels)\.js$/.test(name))
  const workers = readdirSync(join(from, 'worker')).filter((name) => name.endsWith('.js'))
  for (const name of [...modules, ...workers.map((worker) => join('worker', worker))]) {
    cpSync(join(from, name), join(folder, 'dist', name))
  }
}

const styleSheet = () =>
  [
    text('node_modules', 'uplot', 'dist', 'uPlot.min.css'),
    ...sheets.map((name) => text('web', 'style', `${name}.css`)),
  ].join('\n')

/**
 * With its parts, the library's version, and the policy, for hosts that send no headers.
 * What only a header can say is left out.
 */
function page(name) {
  const inPage = policy.filter((rule) => !rule.startsWith('frame-ancestors')).join('; ')
  const { version } = JSON.parse(text('js', 'package.json'))
  const marks = {
    policy: `<meta http-equiv="Content-Security-Policy" content="${inPage}">`,
    version: `<meta name="generator" content="sotto ${version}">`,
  }
  return text('web', name)
    .replace(/^ *<!-- part: (\w+) -->\n/gm, (_, part) => text('web', 'parts', `${part}.html`))
    .replace(/<!-- (\w+) -->/g, (_, mark) => marks[mark])
}

/** What the page may know of models/manifest.json: without a URL, a model lies beside the page. */
function models() {
  const { default: preferred, models: entries } = JSON.parse(text('models', 'manifest.json'))
  const shown = entries.map(({ id, name, url, file, bytes, sha256, license }) => {
    const quantisation = /\.(\w+)\.gguf$/.exec(file)?.[1]
    return { id, name, quantisation, url: url ?? `models/${file}`, bytes, sha256, license }
  })
  return `${JSON.stringify({ default: preferred, models: shown }, null, 2)}\n`
}

function licences() {
  const parts = libraries.map((name) => {
    const { version, license } = JSON.parse(text('node_modules', name, 'package.json'))
    return `${name} ${version} (${license})\n\n${text('node_modules', name, 'LICENSE').trim()}`
  })
  const own = [`sotto\n\n${text('LICENSE').trim()}`, text('NOTICE.md').trim()]
  return `${[...own, ...parts].join(`\n\n${'-'.repeat(80)}\n\n`)}\n`
}

/** Every file, and one hash over all of them. */
function precache(folder) {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
  const hash = createHash('sha256')
  for (const name of names) hash.update(`${name}\0`).update(readFileSync(join(folder, name)))
  return {
    version: hash.digest('hex').slice(0, 16),
    files: names.map((name) => name.replaceAll('\\', '/')),
  }
}
