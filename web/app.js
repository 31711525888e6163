// The page: which part of it is shown, and who reacts to what. model.js loads, conversation.js chats.
import { Conversation } from './conversation.js'
import { byId, showState } from './dom.js'
import { adviceFor, load } from './model.js'

/** @import { Engine } from '/sotto/src/browser.js' */

/** @type {Engine | undefined} */
let engine
/** @type {AbortController | undefined} */
let loading
const conversation = new Conversation()

/**
 * @param {string | File[]} source
 * @param {string} name
 */
async function start(source, name) {
  loading?.abort()
  const abort = new AbortController()
  loading = abort
  byId('loading-title').textContent = `Loading ${name}`
  showState('loading')
  try {
    await engine?.dispose()
    engine = await load(source, abort.signal)
    conversation.begin(engine)
    describe(engine, name)
    showState('ready')
    byId('question').focus()
  } catch (error) {
    if (loading !== abort) return // another model was chosen meanwhile
    if (abort.signal.aborted) return showState('start')
    byId('failed-text').textContent = error instanceof Error ? error.message : String(error)
    byId('failed-advice').textContent = adviceFor(error)
    showState('failed')
    byId('back').focus()
  }
}

/**
 * @param {Engine} loaded
 * @param {string} name what the visitor knows it by
 */
function describe({ info, plan, variant }, name) {
  const millions = (/** @type {number} */ n) => (n / 1e6).toFixed(n < 1e7 ? 1 : 0)
  const element = byId('model-name')
  const threads = info.n_threads === 1 ? '1 thread' : `${info.n_threads} threads`
  element.textContent = `${name} · ${variant} · ${threads}`
  const facts = [info.name, info.architecture, `${millions(info.n_params)} M parameters`]
  const memory = `${millions(plan.total)} MB of memory`
  const more = [`${plan.n_ctx} tokens of context`, memory, info.n_threads_reason]
  element.title = [...facts, ...more].filter(Boolean).join(' · ')
}

/** @param {FileList | undefined | null} list */
function startFiles(list) {
  const files = [...(list ?? [])].sort((a, b) => a.name.localeCompare(b.name))
  if (files.length) start(files, files[0].name)
}

function leaveModel() {
  conversation.stop()
  engine?.dispose()
  engine = undefined
  byId('model-name').textContent = ''
  showState('start')
}

const fileInput = /** @type {HTMLInputElement} */ (byId('file'))
const defaultButton = byId('load-default')
const named = new URLSearchParams(location.search).get('model')

defaultButton.addEventListener('click', () =>
  start(defaultButton.dataset.model ?? '', 'SmolLM2 135M'),
)
byId('pick-file').addEventListener('click', () => fileInput.click())
fileInput.addEventListener('change', () => {
  startFiles(fileInput.files)
  fileInput.value = ''
})
byId('cancel-load').addEventListener('click', () => loading?.abort())
byId('back').addEventListener('click', () => showState('start'))
byId('change-model').addEventListener('click', leaveModel)
byId('new-chat').addEventListener('click', () => conversation.clear())

addEventListener('dragover', (event) => {
  event.preventDefault()
  document.body.classList.add('dropping')
})
addEventListener('dragleave', (event) => {
  if (event.relatedTarget === null) document.body.classList.remove('dropping')
})
addEventListener('drop', (event) => {
  event.preventDefault()
  document.body.classList.remove('dropping')
  startFiles(event.dataTransfer?.files)
})

// ?model=… names another model to begin with.
if (named) start(named, named.split('/').at(-1) ?? named)
