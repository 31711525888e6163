// Dialogs of the browser's own kind: opening, closing by a click beside them,
// and asking for a word.
import { byId } from './dom.js'

/** @param {string} id */
export function openDialog(id) {
  const dialog = byId(id, HTMLDialogElement)
  if (!dialog.open) dialog.showModal()
  return dialog
}

/** Once: every dialog closes by its buttons and by a click on what is behind it. */
export function prepareDialogs() {
  for (const dialog of document.querySelectorAll('dialog')) {
    dialog.addEventListener('click', ({ target }) => {
      const button = target instanceof Element ? target.closest('[data-close]') : null
      if (target === dialog || button) dialog.close(button?.getAttribute('data-close') ?? '')
    })
  }
}

export const anyDialogOpen = () => document.querySelector('dialog[open]') !== null

/**
 * Asks yes or no.
 * @param {string} title
 * @param {string} text
 * @param {string} action what yes is called
 * @returns {Promise<boolean>}
 */
export function confirmDialog(title, text, action) {
  byId('confirm-title').textContent = title
  byId('confirm-text').textContent = text
  byId('confirm-yes').textContent = action
  return answerOf('confirm').then((value) => value === 'yes')
}

/**
 * @param {string} title
 * @param {string} value
 * @returns {Promise<string | undefined>}
 */
export function promptDialog(title, value) {
  byId('prompt-title').textContent = title
  const input = byId('prompt-input', HTMLInputElement)
  input.value = value
  const answer = answerOf('prompt')
  input.select()
  return answer.then((button) => (button === 'ok' && input.value.trim()) || undefined)
}

/** @param {string} id @returns {Promise<string>} what closed it */
function answerOf(id) {
  const dialog = openDialog(id)
  dialog.returnValue = ''
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue), { once: true })
  })
}
