// Short lines above the conversation: what the visitor may want to know, with at
// most one thing to do.
import { byId, make, textButton } from './dom.js'

/**
 * @param {string} text
 * @param {{ action?: string, onAction?: () => void, kind?: 'info' | 'problem' }} [options]
 * @returns {() => void} takes it away
 */
export function notice(text, { action, onAction, kind = 'info' } = {}) {
  const close = () => line.remove()
  const buttons = [textButton('plain', 'Dismiss', close)]
  if (action && onAction) buttons.unshift(textButton('plain strong', action, () => onAction()))
  const line = make(
    'div',
    `notice ${kind}`,
    make('p', '', text),
    make('div', 'remedies', ...buttons),
  )
  byId('notices').append(line)
  return close
}
