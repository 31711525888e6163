// The few things that every part of the page needs of the document.

/**
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [type] what it has to be
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id)
  if (!element || (type && !(element instanceof type))) throw new Error(`the page has no #${id}`)
  return /** @type {T} */ (element)
}

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} className
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, className, ...children) {
  const element = document.createElement(tag)
  if (className) element.className = className
  element.append(...children)
  return element
}

const svgNamespace = 'http://www.w3.org/2000/svg'

/** Strokes of the icons, on a ground of 24 by 24. */
const strokes = {
  copy: 'M9 9h10v11H9z M5 15V4h10',
  check: 'M5 12.5 10 17.5 19 7',
  edit: 'M4 20h4L19 9l-4-4L4 16z',
  retry: 'M19 12a7 7 0 1 1-2.2-5.1M19 4v4.5h-4.5',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  left: 'M14.5 6 8.5 12l6 6',
  right: 'M9.5 6l6 6-6 6',
  download: 'M12 4v11m-5-5 5 5 5-5M5 20h14',
}

/** @param {keyof typeof strokes} name */
export function icon(name) {
  const svg = document.createElementNS(svgNamespace, 'svg')
  svg.setAttribute('viewBox', '0 0 24 24')
  svg.setAttribute('aria-hidden', 'true')
  svg.setAttribute('class', 'icon')
  const path = document.createElementNS(svgNamespace, 'path')
  path.setAttribute('d', strokes[name])
  svg.append(path)
  return svg
}

/**
 * A button with an icon and a name for those who do not see it.
 * @param {keyof typeof strokes} name
 * @param {string} label
 * @param {(event: MouseEvent) => void} onClick
 */
export function iconButton(name, label, onClick) {
  const button = make('button', 'ghost', icon(name))
  button.type = 'button'
  button.title = label
  button.setAttribute('aria-label', label)
  button.addEventListener('click', onClick)
  return button
}

/**
 * @param {string} className
 * @param {string} text
 * @param {(event: MouseEvent) => void} onClick
 */
export function textButton(className, text, onClick) {
  const button = make('button', className, text)
  button.type = 'button'
  button.addEventListener('click', onClick)
  return button
}

/**
 * Whether a key belongs to an input method: the Enter that accepts a word of Japanese
 * sends nothing. Safari tells of that Enter after the composition has ended, and knows
 * it by this code alone.
 * @param {KeyboardEvent} event
 */
export const isComposing = ({ isComposing, keyCode }) => isComposing || keyCode === 229

/** @param {string} text read out by screen readers */
export function announce(text) {
  byId('status').textContent = text
}

/**
 * Copies text and shows on the button that it did.
 * @param {HTMLButtonElement} button
 * @param {string} text
 */
export async function copyText(button, text) {
  const before = [...button.childNodes]
  try {
    await navigator.clipboard.writeText(text)
    button.replaceChildren(icon('check'), ...(button.textContent ? ['Copied'] : []))
    announce('Copied')
  } catch {
    announce('The browser did not allow copying')
    return
  }
  setTimeout(() => button.replaceChildren(...before), 1600)
}

/**
 * Hands a file to the browser's downloads.
 * @param {string} name
 * @param {string} text
 */
export function saveFile(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }))
  const link = make('a', '')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

/** Lets the browser draw and react before more is done. */
export const yieldToPage = () =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve(undefined)
    }
    port2.postMessage(undefined)
  })
