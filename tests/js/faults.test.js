// Loading through a server that fails in every way there is: at the end there is the right
// model or a typed error, never another model and never a wait without end; and with a cache,
// what has come is not lost.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { here, loadThroughFaults, loadTwiceThroughFaults } from './lib/fault-load.js'
import { judge, judgeSecond, runAll, seeds } from './lib/fault-runs.js'

/**
 * Node.js 20 itself ends with a segmentation fault once in some thousand threads that come and go,
 * on some machines each time.
 */
const skip = Number(process.versions.node.split('.')[0]) < 22 && 'needs Node.js 22'

test(`${seeds.length} plans of faults end in the right model or in a typed error`, { skip }, () =>
  runAll(loadThroughFaults, judge),
)

test(`${seeds.length} plans with a cache: the rest is all that is fetched later`, {
  skip,
}, async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'sotto-faults-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  const run = (plan) => loadTwiceThroughFaults(plan, here(join(root, String(plan.seed))))
  await runAll(run, (...given) => judge(...given) ?? judgeSecond(...given))
})
