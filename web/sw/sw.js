// The service worker. Keeps the page's own files, all of one version, so that the page works
// without a network; and says with each of them that the page is cross-origin isolated,
// for hosts that send no such headers. Everything else, models and other origins above all,
// it does not touch.
import { files, version } from 'virtual:precache'

const PREFIX = 'sotto-site-'
const CACHE = PREFIX + version

const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

/** @type {any} the page's types have no service worker's scope */
const scope = globalThis
/** @type {Map<string, string>} where a file is asked for, to its name in the cache */
const known = new Map(
  files.map((file) => {
    const { href, pathname } = new URL(file, scope.registration.scope)
    return [pathname, href]
  }),
)
const start = new URL('./', scope.registration.scope)
// A page goes by both of its names; hosts like to redirect one of them to the other.
for (const name of ['./', 'index.html']) known.set(new URL(name, start).pathname, start.href)
for (const [path, href] of [...known]) {
  if (path.endsWith('.html')) known.set(path.slice(0, -'.html'.length), href)
}

scope.addEventListener('install', (/** @type {any} */ event) => {
  event.waitUntil(fill())
})

async function fill() {
  const cache = await caches.open(CACHE)
  // Past the browser's own cache: it might still hold files of another version.
  const urls = [...new Set(known.values())]
  await cache.addAll(urls.map((url) => new Request(url, { cache: 'no-cache' })))
}

scope.addEventListener('activate', (/** @type {any} */ event) => {
  event.waitUntil(Promise.all([tidy(), scope.clients.claim()]))
})

async function tidy() {
  const names = await caches.keys()
  const old = names.filter((name) => name.startsWith(PREFIX) && name !== CACHE)
  await Promise.all(old.map((name) => caches.delete(name)))
}

// The page asks its visitor first: a new version takes over all tabs at once.
scope.addEventListener('message', (/** @type {MessageEvent} */ { data }) => {
  if (data === 'activate') scope.skipWaiting()
})

scope.addEventListener('fetch', (/** @type {any} */ event) => {
  const { request } = event
  const url = new URL(request.url)
  if (request.method !== 'GET' || request.headers.has('range')) return
  if (url.origin !== scope.location.origin) return
  const kept = known.get(url.pathname)
  if (kept) event.respondWith(answer(request, kept))
})

/** @param {Request} request @param {string} kept */
async function answer(request, kept) {
  const cache = await caches.open(CACHE)
  return isolated((await cache.match(kept)) ?? (await fetch(request)))
}

/** @param {Response} response */
function isolated(response) {
  if (response.status === 0) return response // a redirect that the browser follows itself
  const headers = new Headers(response.headers)
  for (const [name, value] of Object.entries(isolation)) headers.set(name, value)
  // The body has been unpacked by now.
  headers.delete('content-encoding')
  headers.delete('content-length')
  const { status, statusText } = response
  return new Response(response.body, { status, statusText, headers })
}
