// The page: makes its parts and says who reacts to what.
import { Chat } from './chat.js'
import { Composer } from './composer.js'
import { anyDialogOpen, prepareDialogs } from './dialogs.js'
import { byId } from './dom.js'
import { acceptDrops } from './drops.js'
import { offerFirstModel } from './first-model.js'
import { Library } from './library.js'
import { LoadCard } from './load-card.js'
import { MessagesView } from './messages-view.js'
import { ContextMeter } from './meter.js'
import { ModelPicker } from './model-picker.js'
import { ModelSession } from './model-session.js'
import { entryFromUrl, isCached, siteModels } from './models.js'
import { notice } from './notices.js'
import { prepareOffline } from './offline.js'
import { Panel } from './panels.js'
import { planOf } from './problems.js'
import { Settings } from './settings.js'
import { SettingsDialog } from './settings-dialog.js'
import { prepareShortcuts } from './shortcuts.js'
import { Sidebar } from './sidebar.js'
import { StatisticsPanel } from './statistics-panel.js'
import { openStore } from './store.js'

/** @import { Remedy } from './problems.js' */
/** @import { Message, ModelEntry } from './types.js' */

const SMALLEST_CONTEXT = 512

const store = await openStore()
const settings = new Settings(store, location.search)
await settings.restore()
let told = false
const library = new Library(store, () => {
  if (!told) notice('The conversation could not be kept. Export it before you leave.')
  told = true
})
await library.restore(settings.data.value.system)

/** The open conversation is read while its model arrives. */
function openConversation() {
  const messages = Chat.messagesOf(library.current.value)
  return messages.length ? { messages, add_generation_prompt: false } : undefined
}

const model = new ModelSession(settings, ({ message }) => notice(message), openConversation)
const chat = new Chat({ library, model, settings })
prepareDialogs()

const messages = new MessagesView(chat, library, remedy)
const composer = new Composer(chat, model, () => messages.editLast())
const load = (/** @type {ModelEntry} */ entry) => void model.load(entry)
const picker = new ModelPicker({ onChoose: load, options: () => settings.load() })
offerFirstModel(load, settings.data.value.lastModel)
const settingsDialog = new SettingsDialog(settings, library)
const statistics = new StatisticsPanel({ chat, library, model })
new ContextMeter({ chat, library, model })
new LoadCard(model, remedy)

const sidebarPanel = new Panel({
  panel: 'sidebar',
  button: 'sidebar-button',
  wide: '(min-width: 56rem)',
  open: settings.data.value.sidebar,
  save: (sidebar) => settings.save({ sidebar }),
})
const statisticsPanel = new Panel({
  panel: 'statistics',
  button: 'statistics-button',
  wide: '(min-width: 76rem)',
  open: settings.data.value.statistics,
  save: (open) => settings.save({ statistics: open }),
  onShow: () => statistics.refresh(),
})
const sidebar = new Sidebar({
  chat,
  library,
  onOpen: () => {
    sidebarPanel.leave()
    composer.focus()
  },
})

byId('scrim').addEventListener('click', closeDrawers)

function closeDrawers() {
  sidebarPanel.leave()
  statisticsPanel.leave()
}

function stop() {
  const drawers = [sidebarPanel, statisticsPanel].filter((panel) => panel.isDrawer && panel.isOpen)
  if (drawers.length) for (const drawer of drawers) drawer.toggle(false)
  else chat.stop()
}

prepareShortcuts({
  newChat: () => sidebar.begin(),
  stop,
  focus: () => composer.focus(),
  models: () => picker.open(),
  sidebar: () => sidebarPanel.toggle(),
  statistics: () => statisticsPanel.toggle(),
  settings: () => settingsDialog.open(),
  copyLast: () => navigator.clipboard.writeText(messages.lastAnswer()?.content ?? ''),
  regenerate: () => {
    const last = messages.lastAnswer()
    if (last) chat.regenerate(last)
  },
})

/** @param {Remedy} name @param {Message} [message] of an answer that failed */
function remedy(name, message) {
  if (name === 'new-chat') sidebar.begin()
  else if (name === 'settings') settingsDialog.open()
  else if (name === 'other-model') picker.open()
  else if (name === 'retry' && message) chat.regenerate(message)
  else if (name === 'smaller-context') model.again(whatFits())
  else model.again()
}

/** What the plan says; else half of what was refused. */
function whatFits() {
  const { value } = model.state
  const plan = value.phase === 'failed' ? planOf(value.error) : undefined
  const [best] = plan?.alternatives ?? []
  const half = Math.floor((plan?.n_ctx ?? 4096) / 2)
  return best?.options ?? { n_ctx: Math.max(SMALLEST_CONTEXT, half) }
}

// A question can be asked as soon as the model is there, and the model is remembered.
let phase = ''
model.state.watch((state) => {
  if (state.phase === phase) return // progress
  phase = state.phase
  if (phase === 'loading' || phase === 'none') chat.stop()
  messages.draw()
  if (state.phase !== 'ready') return
  if (typeof state.entry.source === 'string') settings.save({ lastModel: state.entry.source })
  const { activeElement } = document
  const free = !activeElement || activeElement === document.body || !activeElement.isConnected
  if (!anyDialogOpen() && (free || activeElement.closest('#load-card, #load-idle, #welcome')))
    composer.focus()
})

// Models, and conversations that were exported.
acceptDrops((files) => {
  const json = files.find(({ name }) => name.endsWith('.json'))
  if (json) sidebar.importFile(json)
  else picker.chooseFiles(files)
})

// What was written last must not be lost with the tab.
addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'hidden') library.flush()
})
addEventListener('pagehide', () => library.flush())

if (!store.lasting) {
  notice('This browser keeps nothing for this page: conversations are gone when it is closed.')
}

/** ?model=… names a model to begin with; else the last one, if it is still on this machine. */
async function firstModel() {
  const named = new URLSearchParams(location.search).get('model')
  if (named) return entryFromUrl(named)
  const { lastModel } = settings.data.value
  if (!lastModel) return undefined
  const known = (await siteModels()).find(({ source }) => source === lastModel)
  const entry = known ?? entryFromUrl(lastModel)
  return (await isCached(entry)) ? entry : undefined
}

document.body.dataset.page = 'ready'
const untouched = () =>
  model.state.value.phase === 'none' && byId('question', HTMLTextAreaElement).value === ''
const offline = prepareOffline(untouched)
// A page that is about to be reloaded loads nothing yet.
if (!crossOriginIsolated)
  await Promise.race([offline, new Promise((done) => setTimeout(done, 3000))])
const first = await firstModel().catch(() => undefined)
if (first && model.state.value.phase === 'none') model.load(first)
