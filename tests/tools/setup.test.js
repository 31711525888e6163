// Set-up leaves nothing half-written and runs once at a time.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { clearLeftovers, isMade, makeFolder, withLock } from '../../tools/lib/files.mjs'
import { inRoot } from '../../tools/lib/paths.mjs'
import { run } from '../../tools/lib/proc.mjs'
import { vulkanDriver } from '../../tools/setup/system.mjs'
import { setup } from '../../tools/setup.mjs'

let folder
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'setup-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test('a folder appears when it is complete, with its stamp', async () => {
  const goal = join(folder, 'part')
  await makeFolder(goal, '1.0', async (temporary) => {
    assert.equal(existsSync(goal), false)
    writeFileSync(join(temporary, 'file'), 'text')
  })
  assert.deepEqual(readdirSync(goal).sort(), ['file', 'stamp'])
  assert.equal(isMade(goal, '1.0'), true)
  assert.equal(isMade(goal, '1.1'), false)
})

test('a failure leaves what was there before', async () => {
  const goal = join(folder, 'part')
  await makeFolder(goal, '1.0', async () => {})
  const broken = makeFolder(goal, '1.1', async (temporary) => {
    writeFileSync(join(temporary, 'half'), '')
    throw new Error('no network')
  })
  await assert.rejects(broken, /no network/)
  assert.deepEqual(readdirSync(folder), ['part'])
  assert.equal(isMade(goal, '1.0'), true)
})

test('leftovers of a killed set-up are removed, other files stay', () => {
  for (const name of ['.part-a1B2c3', 'part', '.keep']) writeFileSync(join(folder, name), '')
  clearLeftovers(folder)
  assert.deepEqual(readdirSync(folder).sort(), ['.keep', 'part'])
})

test('the lock admits one at a time and survives a dead owner', async () => {
  const lock = join(folder, 'lock')
  writeFileSync(lock, '4194999')
  let inside = 0
  const work = async () => {
    inside += 1
    assert.equal(inside, 1)
    await new Promise((resolve) => setTimeout(resolve, 20))
    inside -= 1
  }
  await Promise.all([withLock(lock, work), withLock(lock, work)])
  assert.equal(existsSync(lock), false)
})

test('the driver under WebGPU is the one that is named, else the one beside Chromium', () => {
  const { CHROMIUM, VK_ICD_FILENAMES } = process.env
  try {
    process.env.VK_ICD_FILENAMES = '/drivers/real.json'
    assert.equal(vulkanDriver(), '/drivers/real.json')
    delete process.env.VK_ICD_FILENAMES
    process.env.CHROMIUM = join(folder, 'chrome')
    writeFileSync(process.env.CHROMIUM, '', { mode: 0o755 })
    const driver = join(folder, 'vk_swiftshader_icd.json')
    writeFileSync(driver, '{}')
    assert.equal(vulkanDriver(), driver)
  } finally {
    Object.assign(process.env, {
      CHROMIUM: CHROMIUM ?? '',
      VK_ICD_FILENAMES: VK_ICD_FILENAMES ?? '',
    })
  }
})

test('set-up with everything in place says nothing and fetches nothing', async () => {
  await setup('test')
  const output = await run(process.execPath, [inRoot('tools', 'setup.mjs'), 'test'], {
    env: { npm_config_offline: 'true', PIP_NO_INDEX: '1' },
  })
  assert.equal(output, 'Everything is in place.\n')
})
