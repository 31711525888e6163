// What README's first lines promise: the picture is there, and the figures are those
// of the measurements.
import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { inRoot } from '../../tools/lib/paths.mjs'

const readme = readFileSync(inRoot('README.md'), 'utf8')
const measured = readFileSync(inRoot('docs', 'performance.md'), 'utf8')

test('README opens with a picture, which is small enough to come with every clone', () => {
  const [, path] = /!\[[^\]]+\]\(([^)]+)\)/.exec(readme)
  assert.ok(readme.indexOf(path) < 600)
  assert.ok(statSync(inRoot(path)).size < 300_000)
})

/** A row of the first table, without its name. */
function row(name) {
  const line = measured.split('\n').find((text) => text.startsWith(`| ${name} |`))
  return line.split('|').slice(2, -1).map(Number)
}

test('the figures beside wllama are those of docs/performance.md', () => {
  const ratio = (name) => {
    const { 0: chromium, 3: wllama } = row(name)
    return Math.round(chromium / wllama)
  }
  assert.match(
    readme,
    new RegExp(`generates ${ratio('SmolLM2-135M Q4_0, decode')} times as fast as wllama`),
  )
  assert.match(readme, new RegExp(`prompts ${ratio('prompt of 256')} times as fast`))
  const [, ours, theirs] = /gzipped \| (\d+) KB; wllama ([\d,]+) KB/.exec(measured)
  assert.match(
    readme,
    new RegExp(
      `${ours} KB to download instead of ${(Number(theirs.replace(',', '')) / 1000).toFixed(1)} MB`,
    ),
  )
})
