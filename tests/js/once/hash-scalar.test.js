// The hash of the scalar kernels, which take their time.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logitsHash } from '../lib/fnv.js'
import { expectedHash, goldenRequest } from '../lib/golden.js'
import { realPath, withEngine } from '../lib/models.js'

test('scalar computes the same bits', async () => {
  await withEngine(realPath, { variant: 'scalar', n_ctx: 128 }, async (engine) => {
    const expected = { hash: expectedHash, positions: 96 }
    assert.deepEqual(await logitsHash(engine, goldenRequest), expected)
  })
})
