// The keys, in one table: what they do and what the dialog says about them.
import { anyDialogOpen, openDialog } from './dialogs.js'
import { byId, isComposing, make } from './dom.js'

/**
 * @typedef {object} Shortcut
 * @property {string} keys as shown; Mod is Ctrl, or ⌘ on a Mac
 * @property {string} text
 * @property {(event: KeyboardEvent) => boolean} [matches] none: somebody else handles it
 * @property {() => void} [run]
 */

const isMac = /Mac|iPhone|iPad/.test(navigator.platform)
const modifier = (/** @type {KeyboardEvent} */ e) => (isMac ? e.metaKey : e.ctrlKey) && !e.altKey
const mod =
  (/** @type {string} */ key, shift = false) =>
  (/** @type {KeyboardEvent} */ event) =>
    modifier(event) && event.shiftKey === shift && event.key.toLowerCase() === key

const writing = () =>
  document.activeElement instanceof HTMLElement &&
  document.activeElement.matches('input, textarea, select, [contenteditable]')

/** Outside of fields only. */
const plain = (/** @type {string} */ key) => (/** @type {KeyboardEvent} */ event) =>
  event.key === key && !event.ctrlKey && !event.metaKey && !event.altKey && !writing()

/**
 * @param {Record<'newChat' | 'stop' | 'focus' | 'models' | 'sidebar' |
 *   'statistics' | 'settings' | 'copyLast' | 'regenerate', () => void>} actions
 */
export function prepareShortcuts(actions) {
  const showHelp = () => openDialog('shortcuts')
  /** @type {Shortcut[]} */
  const table = [
    { keys: 'Enter', text: 'Send' },
    { keys: 'Shift Enter', text: 'New line' },
    { keys: '↑', text: 'In an empty field: edit the last question' },
    { keys: 'Esc', text: 'Stop the answer' },
    { keys: '/', text: 'Go to the message field', matches: plain('/'), run: actions.focus },
    { keys: 'Mod Shift O', text: 'New chat', matches: mod('o', true), run: actions.newChat },
    { keys: 'Mod K', text: 'Choose a model', matches: mod('k'), run: actions.models },
    {
      keys: 'Mod B',
      text: 'Show or hide the conversations',
      matches: mod('b'),
      run: actions.sidebar,
    },
    {
      keys: 'Mod I',
      text: 'Show or hide the statistics',
      matches: mod('i'),
      run: actions.statistics,
    },
    { keys: 'Mod ,', text: 'Settings', matches: mod(','), run: actions.settings },
    { keys: 'Mod Shift E', text: 'Answer again', matches: mod('e', true), run: actions.regenerate },
    {
      keys: 'Mod Shift X',
      text: 'Copy the last answer',
      matches: mod('x', true),
      run: actions.copyLast,
    },
    { keys: '?', text: 'This list', matches: plain('?'), run: showHelp },
  ]
  byId('shortcut-list').replaceChildren(...table.flatMap(row))
  byId('shortcuts-button').addEventListener('click', showHelp)
  addEventListener('keydown', (event) => {
    if (event.defaultPrevented || isComposing(event) || anyDialogOpen()) return
    if (event.key === 'Escape') return actions.stop()
    const shortcut = table.find(({ matches }) => matches?.(event))
    if (!shortcut?.run) return
    event.preventDefault()
    shortcut.run()
  })
}

/** @param {Shortcut} shortcut */
function row({ keys, text }) {
  const names = keys.split(' ').map((key) => (key === 'Mod' ? (isMac ? '⌘' : 'Ctrl') : key))
  const term = make('dt', '', text)
  return [term, make('dd', '', ...names.map((name) => make('kbd', '', name)))]
}
