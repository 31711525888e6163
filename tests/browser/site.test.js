// The folder that is built for static hosts: complete, with its policy, and nothing inline.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { inRoot } from '../../tools/lib/paths.mjs'
import { headers } from '../../tools/lib/server.mjs'
import { buildSite } from '../../tools/site.mjs'

const site = inRoot('build', 'site')
const text = (...parts) => readFileSync(join(site, ...parts), 'utf8')

for (const name of ['index.html', 'bench.html']) {
  test(`${name} has the policy that the server sends, but for what only a header can say`, () => {
    const [, inPage] = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(text(name))
    assert.equal(`${inPage}; frame-ancestors 'none'`, headers['Content-Security-Policy'])
    for (const rule of ["default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'"]) {
      assert.ok(inPage.includes(rule))
    }
  })

  test(`${name}: nothing is inline, comes from elsewhere, or is left to fill in`, () => {
    const page = text(name)
    assert.doesNotMatch(page, /\sstyle=|<style|\son\w+=|<script(?![^>]*\ssrc=)/)
    assert.deepEqual(
      [...page.matchAll(/\s(?:src|href)="([^"]+)"/g)].filter(([, url]) => /^(\w+:|\/)/.test(url)),
      [],
    )
    assert.doesNotMatch(page, /<!--|undefined/)
    assert.match(page, /content="sotto \d+\.\d+\.\d+"/)
    assert.match(page, /<dialog id="models"/)
    const ids = [...page.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id)
    assert.equal(new Set(ids).size, ids.length)
  })
}

test('anybody may read the folder, whatever the umask of who built it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'site-'))
  const umask = process.umask(0o077)
  try {
    await buildSite(join(folder, 'site'))
  } finally {
    process.umask(umask)
  }
  const built = join(folder, 'site')
  const names = ['.', ...readdirSync(built, { recursive: true })]
  assert.ok(names.includes(join('dist', 'sotto-relaxed.wasm')))
  for (const name of names) {
    const stat = statSync(join(built, name))
    assert.equal(stat.mode & 0o777, stat.isDirectory() ? 0o755 : 0o644, name)
  }
  rmSync(folder, { recursive: true })
})

test('the style sheet asks for nothing', () => {
  assert.doesNotMatch(text('style.css'), /url\(|@import/)
})

test('the service worker knows every file but itself', () => {
  const worker = text('sw.js')
  const names = readdirSync(site, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(site.length + 1))
  const library = ['worker/browser.js', 'sotto-relaxed-mt.wasm', 'gpu.js', 'kernels.js']
  for (const name of library) assert.ok(names.includes(`dist/${name}`), name)
  const missing = names.filter((name) => !worker.includes(`\`${name}\``))
  assert.deepEqual(missing, ['sw.js'])
})

test('every library in the bundle has its licence, and models say only what is known', () => {
  const licences = text('licenses.txt')
  for (const name of ['marked', 'dompurify', 'highlight.js', 'uplot', 'idb', 'sotto']) {
    assert.match(licences, new RegExp(`^${name}`, 'm'))
  }
  const manifest = JSON.parse(readFileSync(inRoot('models', 'manifest.json'), 'utf8'))
  const { models } = JSON.parse(text('models.json'))
  assert.deepEqual(
    models.map(({ id, sha256 }) => [id, sha256]),
    manifest.models.map(({ id, sha256 }) => [id, sha256]),
  )
})
