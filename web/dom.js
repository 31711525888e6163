// The few things that every part of the page needs.

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const element = document.getElementById(id)
  if (!element) throw new Error(`the page has no #${id}`)
  return element
}

/**
 * @param {string} tag
 * @param {string} className
 * @param {...(Node | string)} children
 */
export function make(tag, className, ...children) {
  const element = document.createElement(tag)
  if (className) element.className = className
  element.append(...children)
  return element
}

/** @param {'start' | 'loading' | 'ready' | 'failed'} state shows what belongs to it */
export function showState(state) {
  document.body.dataset.state = state
  for (const element of document.querySelectorAll('[data-when]')) {
    const { dataset } = /** @type {HTMLElement} */ (element)
    element.toggleAttribute('hidden', dataset.when !== state)
  }
}

/** @param {string} text read out by screen readers */
export function announce(text) {
  byId('status').textContent = text
}
