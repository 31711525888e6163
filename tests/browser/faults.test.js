// As tests/js/faults.test.js, in a page and with its cache.
import { after, before, test } from 'node:test'
import { openProfile } from '../../tools/lib/browser.mjs'
import { inRoot } from '../../tools/lib/paths.mjs'
import { serve, siteMounts } from '../../tools/lib/server.mjs'
import { HANGS_AFTER_MS, light, loadTwiceThroughFaults, request } from '../js/lib/fault-load.js'
import { judge, judgeSecond, runAll, seeds } from '../js/lib/fault-runs.js'

let server
let context
let page

before(async () => {
  // The faulty servers are of other origins, and without https.
  const more = { 'Content-Security-Policy': undefined }
  server = await serve({
    mounts: { ...siteMounts, '/': inRoot('tests', 'browser', 'pages') },
    more,
  })
  context = await openProfile()
  page = await context.newPage()
  await page.goto(server.url)
})
after(async () => {
  await context?.close()
  await server?.close()
})

/** Calls a function of pages/faults.js. */
const call = (name, argument) =>
  page.evaluate(
    async ([work, given]) => (await import('/faults.js'))[work](given),
    [name, argument],
  )

const inPage = {
  async load(url, options) {
    const given = { url, options: { ...light, ...options }, request, hangsAfter: HANGS_AFTER_MS }
    const { error, ...result } = await call('load', given)
    if (error) throw error
    return result
  },
  loaded: (url) => call('loaded', { url }),
}

test(`${seeds.length} plans of faults end in the right model or a typed error, nothing lost`, () =>
  runAll(
    (plan) => loadTwiceThroughFaults(plan, inPage),
    (...given) => judge(...given) ?? judgeSecond(...given),
  ))
