// The packed package in other people's builds: Vite and webpack, development and production,
// and plain ES modules. Each page loads a model in Chromium, with two threads and the worker that
// checks its sha256, and again on a GPU, and says what it computed; production and plain pages run
// under the strict content security policy that the README promises.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { build, createServer } from 'vite'
import webpack from 'webpack'
import { openBrowser, softwareGpu } from '../../../tools/lib/browser.mjs'
import { inRoot } from '../../../tools/lib/paths.mjs'
import { run } from '../../../tools/lib/proc.mjs'
import { headers, serve } from '../../../tools/lib/server.mjs'
import { tinyPath, withTiny } from '../lib/models.js'

const app = inRoot('build', 'bundlers')
const html = (script) =>
  `<!doctype html><title>working</title><script type="module" src="${script}"></script>\n`
const sha256 = createHash('sha256').update(readFileSync(tinyPath())).digest('hex')
const main = (library) => `import { loadModel } from '${library}'
try {
  const engine = await loadModel('/tiny-q8_0.gguf', { n_threads: 2, sha256: '${sha256}' })
  const request = { prompt: 'A', max_tokens: 8, temperature: 0 }
  const reply = await engine.completions.create(request)
  await engine.dispose()
  const onGpu = { backend: 'webgpu', gpu: { allowSoftware: true } }
  const other = await loadModel('/tiny-q8_0.gguf', onGpu)
  const gpuReply = await other.completions.create(request)
  await other.dispose()
  const { n_threads, n_threads_reason, cache } = engine.info
  const [{ text }, { text: gpuText }] = [reply.choices[0], gpuReply.choices[0]]
  const same = gpuText === text
  document.title = JSON.stringify([text, same, n_threads, n_threads_reason, cache.verified])
} catch (error) {
  document.title = String(error)
}
`

let browser
let expected

before(async () => {
  rmSync(app, { recursive: true, force: true })
  const folder = join(app, 'node_modules', 'sotto')
  mkdirSync(folder, { recursive: true })
  await run('npm', ['pack', '--silent', '--pack-destination', app], { cwd: inRoot('js') })
  await run('tar', ['xzf', join(app, 'sotto-0.2.0.tgz'), '--strip-components=1', '-C', folder])
  writeFileSync(join(app, 'package.json'), '{ "type": "module" }\n')
  writeFileSync(join(app, 'index.html'), html('/main.js'))
  writeFileSync(join(app, 'main.js'), main('sotto'))
  mkdirSync(join(app, 'public'))
  cpSync(tinyPath(), join(app, 'public', 'tiny-q8_0.gguf'))
  browser = await openBrowser({ gpu: true, args: softwareGpu })
  const request = { prompt: 'A', max_tokens: 8, temperature: 0 }
  const reply = await withTiny((engine) => engine.completions.create(request))
  expected = JSON.stringify([reply.choices[0].text, true, 2, '', true])
})
after(() => browser?.close())

/** Opens the page and waits for what it says. */
async function answersAt(url) {
  const page = await browser.newPage()
  const problems = []
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
  try {
    await page.goto(url)
    await page.waitForFunction(() => document.title !== 'working', null, { timeout: 30_000 })
    assert.equal(await page.title(), expected, problems.join('\n'))
  } finally {
    await page.close()
  }
}

async function answersFrom(mounts) {
  const server = await serve({ mounts })
  try {
    await answersAt(server.url)
  } finally {
    await server.close()
  }
}

const quiet = { root: app, configFile: false, logLevel: 'error' }

test('Vite, development', async () => {
  const { 'Content-Security-Policy': _, ...isolating } = headers // its own client needs inline code
  const server = await createServer({
    ...quiet,
    server: { host: '127.0.0.1', port: 0, headers: isolating },
  })
  try {
    await server.listen()
    await answersAt(server.resolvedUrls.local[0])
  } finally {
    await server.close()
  }
})

test('Vite, production', async () => {
  const outDir = join(app, 'out-vite')
  await build({ ...quiet, build: { outDir } })
  await answersFrom({ '/': outDir })
})

for (const mode of ['development', 'production']) {
  test(`webpack, ${mode}`, async () => {
    const path = join(app, `out-webpack-${mode}`)
    const stats = await new Promise((resolve, reject) => {
      // webpack's default for development puts code into eval(), which a strict policy refuses.
      const devtool = mode === 'development' ? 'source-map' : false
      const performance = { hints: false } // its limit is meant for scripts
      const config = {
        mode,
        devtool,
        performance,
        context: app,
        entry: './main.js',
        output: { path },
      }
      webpack(config, (error, result) => (error ? reject(error) : resolve(result)))
    })
    assert.equal(stats.toString({ all: false, errors: true, warnings: true }), '')
    writeFileSync(join(path, 'index.html'), html('/main.js'))
    cpSync(tinyPath(), join(path, 'tiny-q8_0.gguf'))
    await answersFrom({ '/': path })
  })
}

test('plain ES modules, without a bundler', async () => {
  const folder = join(app, 'plain')
  mkdirSync(folder)
  writeFileSync(join(folder, 'index.html'), html('/main.js'))
  writeFileSync(join(folder, 'main.js'), main('/sotto/src/browser.js'))
  cpSync(tinyPath(), join(folder, 'tiny-q8_0.gguf'))
  await answersFrom({ '/sotto/': join(app, 'node_modules', 'sotto'), '/': folder })
})
