// The service worker: makes the page work without a network, and isolates it where the host sends
// no headers for that (several threads need it).
import { notice } from './notices.js'

const TRIED = 'sotto-isolating'

/** @param {() => boolean} untouched nothing would be lost by a reload */
export async function prepareOffline(untouched) {
  if (!('serviceWorker' in navigator)) return tellAlone()
  try {
    const registration = await navigator.serviceWorker.register('sw.js', { updateViaCache: 'none' })
    watchUpdates(registration)
    await navigator.serviceWorker.ready
    await controlled()
    document.documentElement.dataset.offline = 'ready'
  } catch {
    return tellAlone() // private window, or no secure context
  }
  if (crossOriginIsolated) return sessionStorage.removeItem(TRIED)
  if (sessionStorage.getItem(TRIED)) return tellAlone()
  sessionStorage.setItem(TRIED, '1')
  if (untouched()) location.reload()
  else notice('After a reload the model can use several threads.', reloadOffer)
}

/** The worker takes the page over as soon as it is active. */
const controlled = () =>
  new Promise((resolve) => {
    if (navigator.serviceWorker.controller) return resolve(undefined)
    navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true })
  })

const reloadOffer = { action: 'Reload', onAction: () => location.reload() }

function tellAlone() {
  if (crossOriginIsolated) return
  const why = 'this page is not cross-origin isolated, and its host sends no headers for that'
  notice(`The model runs on one thread: ${why}.`)
}

/** @param {ServiceWorkerRegistration} registration */
function watchUpdates(registration) {
  const offer = (/** @type {ServiceWorker | null} */ waiting) => {
    if (!waiting || !navigator.serviceWorker.controller) return
    notice('A new version of this page is ready.', {
      action: 'Reload',
      onAction: () => {
        navigator.serviceWorker.addEventListener('controllerchange', () => location.reload())
        waiting.postMessage('activate')
      },
    })
  }
  offer(registration.waiting)
  registration.addEventListener('updatefound', () => {
    const { active, installing } = registration
    // The first service worker is no new version, although WebKit may announce it when it has taken
    // the page over already.
    if (!active) return
    installing?.addEventListener('statechange', () => {
      if (installing.state === 'installed') offer(registration.waiting)
    })
  })
}
