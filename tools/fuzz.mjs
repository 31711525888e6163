// Coverage-guided fuzzing with libFuzzer: builds preset fuzz and runs one target for a while.
// New inputs go to build/fuzz/corpus/<name>; tests/fuzz/corpus/<name> is the seed that
// `npm test` replays.
//   npm run fuzz -- gguf [seconds]           explore
//   npm run fuzz -- gguf --merge             add to the seed what covers something new
import { mkdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { build } from './build.mjs'
import { main } from './lib/main.mjs'
import { inRoot, root } from './lib/paths.mjs'
import { run } from './lib/proc.mjs'
import { filesUnder } from './lint/source.mjs'
import { setup } from './setup.mjs'

await main(async () => {
  const options = { merge: { type: 'boolean', default: false } }
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  const [name, time = '600'] = positionals
  const targets = filesUnder(root, 'tests/fuzz', /^fuzz_\w+\.c$/).map(
    (path) => path.match(/fuzz_(\w+)\.c$/)[1],
  )
  if (!targets.includes(name)) throw new Error(`npm run fuzz -- ${targets.join('|')} [seconds]`)

  await setup('test')
  await build('fuzz')
  const found = inRoot('build', 'fuzz', 'corpus', name)
  const seed = inRoot('tests', 'fuzz', 'corpus', name)
  for (const folder of [found, seed]) mkdirSync(folder, { recursive: true })
  const fuzzer = inRoot('build', 'fuzz', `fuzz_${name}`)
  const limits = ['-rss_limit_mb=2048', '-timeout=10', `-artifact_prefix=${found}/../`]
  if (values.merge) await run(fuzzer, ['-merge=1', ...limits, seed, found], { show: true })
  else {
    const args = [`-max_total_time=${time}`, '-print_final_stats=1', ...limits, found, seed]
    await run(fuzzer, args, { show: true })
  }
})
