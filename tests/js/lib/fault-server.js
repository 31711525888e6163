// An HTTP server that serves one file, under any path, as badly as a plan says (faults.js).
// What it sent is noted, so that a test can see what was fetched twice.
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'

const dates = ['Mon, 05 Jan 2026 10:00:00 GMT', 'Tue, 06 Jan 2026 10:00:00 GMT']
const page = '<!doctype html><title>Log in</title>'

/**
 * @param {Uint8Array[]} versions of the file: the second is what it changes to
 * @param {import('./faults.js').FaultPlan} plan
 * @returns `url`; `requests`: { kind, range } of each; `sent`: { version, from, to } of what was
 *   written; `heal`: from now on it does everything right
 */
export async function faultServer(versions, plan) {
  const requests = []
  const sent = []
  let version = 0
  let healed = false
  const handle = (request, response) => {
    const { kind, at } = healed ? fine : faultOf(plan, requests.length)
    requests.push({ kind, range: request.headers.range })
    if (kind === 'change') version = 1
    const file = versions[version]
    const head = validators(plan, version)
    const note = (from, to) => sent.push({ version, from, to })
    const detour = `${elsewhere.url}/moved`
    answer({ request, response, file, head, kind, at, note, plan, detour })
  }
  // Where redirects lead: another origin, and the same file without a fault.
  const elsewhere = await listen((request, response) => {
    const note = (from, to) => sent.push({ version, from, to })
    const head = validators(plan, version)
    const how = { kind: 'ok', at: 0, note, plan, detour: '' }
    answer({ request, response, file: versions[version], head, ...how })
  })
  const server = await listen(handle)
  const close = () => Promise.all([server.close(), elsewhere.close()])
  const heal = () => {
    healed = true
  }
  return { url: server.url, requests, sent, heal, close, [Symbol.asyncDispose]: close }
}

/** Pages of other origins may read everything. */
const open = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': '*',
  'access-control-expose-headers': '*',
}

async function listen(handle) {
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(open)) response.setHeader(name, value)
    if (request.method === 'OPTIONS') return response.writeHead(204).end()
    handle(request, response)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () =>
    new Promise((resolve) => {
      server.close(resolve)
      server.closeAllConnections()
    })
  return { url: `http://127.0.0.1:${server.address().port}`, close }
}

const fine = { kind: 'ok', at: 0 }

function faultOf({ faults, forever }, index) {
  if (faults.length === 0) return fine
  return faults[forever ? index % faults.length : index] ?? fine
}

function validators({ traits }, version) {
  const tag = `"${version + 1}"`
  return {
    ...(traits.tag !== 'none' && { etag: traits.tag === 'weak' ? `W/${tag}` : tag }),
    ...(traits.date && { 'last-modified': dates[version] }),
  }
}

function answer({ request, response, file, head, kind, at, note, plan, detour }) {
  if (kind === 'drop') return request.socket.destroy()
  if (kind === 'silence') return
  if (kind === 'redirect') return response.writeHead(302, { location: detour }).end()
  if (kind === 'loop') return response.writeHead(302, { location: '/loop' }).end()
  if (kind === 'login') return response.writeHead(200, { 'content-type': 'text/html' }).end(page)
  if (/^\d/.test(kind)) return refuse(response, kind, file.length)

  const part = plan.traits.ranges && kind !== 'no-range' ? rangeOf(request, file.length) : undefined
  let [from, to] = part ?? [0, file.length]
  let headers = kind === 'untagged' ? {} : { ...head }
  if (part) {
    if (kind === 'shifted') from = Math.max(0, from - 1)
    const size = kind === 'other-size' ? file.length + 1 : file.length
    if (kind !== 'unnamed') headers['content-range'] = `bytes ${from}-${to - 1}/${size}`
    if (kind === 'several')
      headers = { ...head, 'content-type': 'multipart/byteranges; boundary=b' }
    if (kind === 'long') to = Math.min(file.length, to + 1000)
  }
  let body = file.subarray(from, to)
  if (kind === 'gzip') {
    body = gzipSync(body)
    headers['content-encoding'] = 'gzip'
  }
  if (kind === 'corrupt') {
    body = body.slice()
    body[Math.floor(at * body.length)] ^= 1
  }
  const chunked = kind === 'short' || kind === 'long' || !plan.traits.length
  if (!chunked || part) headers['content-length'] = body.length
  if (kind === 'short' || kind === 'long') delete headers['content-length']
  response.writeHead(part ? 206 : 200, headers)
  const end = Math.floor(at * body.length)
  const written = send(response, body, kind, end)
  note(from, from + written)
}

/** Resolves nothing: a server does not wait for its readers. Returns how much it will write. */
function send(response, body, kind, end) {
  const some = body.subarray(0, end)
  if (kind === 'throttle') {
    slowly(response, body)
  } else if (kind === 'cut') {
    response.write(some, () => response.destroy())
    return end
  } else if (kind === 'stall') {
    response.write(some)
    return end
  } else if (kind === 'short') {
    response.end(some)
    return end
  } else {
    response.end(body)
  }
  return body.length
}

async function slowly(response, body) {
  const step = Math.ceil(body.length / 12)
  for (let at = 0; at < body.length && !response.destroyed; at += step) {
    response.write(body.subarray(at, at + step))
    await sleep(2)
  }
  response.end()
}

function refuse(response, kind, size) {
  const headers = {}
  if (kind === '429') headers['retry-after'] = '0'
  if (kind === '429-date') headers['retry-after'] = new Date(Date.now() - 1000).toUTCString()
  if (kind === '416') headers['content-range'] = `bytes */${size}`
  response.writeHead(Number.parseInt(kind, 10), headers).end()
}

/** @returns {[number, number] | undefined} */
function rangeOf(request, size) {
  const [, from, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
  if (from === undefined || Number(from) >= size) return undefined
  return [Number(from), last ? Math.min(size, Number(last) + 1) : size]
}
