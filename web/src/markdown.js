// Markdown to the document, safely: HTML in it stays text, pictures become links (a picture would
// tell its server who reads), and whatever comes out passes DOMPurify before it is in the page.
import DOMPurify from 'dompurify'
import { Marked } from 'marked'
import { make } from './dom.js'
import { highlight } from './highlight.js'

/** @import { Token } from 'marked' */

const escapes = /** @type {Record<string, string>} */ ({
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
})
const escapeHtml = (/** @type {string} */ text) => text.replace(/[&<>"']/g, (c) => escapes[c])

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html: (token) =>
      'block' in token && token.block ? `<p>${escapeHtml(token.text)}</p>` : escapeHtml(token.text),
    image: ({ href, text }) => `<a href="${escapeHtml(href)}">${escapeHtml(text || href)}</a>`,
    checkbox: ({ checked }) => (checked ? '☑ ' : '☐ '),
  },
})

const allowed = {
  ALLOWED_TAGS: [
    ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'p', 'hr', 'br', 'blockquote', 'ul', 'ol', 'li'],
    ...['pre', 'code', 'em', 'strong', 'del', 'span', 'a'],
    ...['table', 'thead', 'tbody', 'tr', 'th', 'td'],
  ],
  ALLOWED_ATTR: ['href', 'title', 'class', 'start', 'align'],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: /** @type {const} */ (true),
}

/** @param {string} html */
const sanitise = (html) => DOMPurify.sanitize(html, allowed)

/** How many blocks at the end may still change their meaning while text is added. */
const OPEN_BLOCKS = 2

/**
 * @typedef {{ raw: string, node: HTMLElement | undefined }} Block node: none for what shows nothing
 */

/** Text that grows, in an element. Only blocks that changed are made anew. */
export class MarkdownView {
  /** @type {Block[]} */
  #blocks = []
  #element
  /** @type {string | undefined} */
  #finished

  /** @param {HTMLElement} element */
  constructor(element) {
    this.#element = element
  }

  /**
   * @param {string} text all of it
   * @param {{ done?: boolean }} [options] done: nothing will be added, so all is read once more
   */
  update(text, { done = false } = {}) {
    const source = text.replace(/\r\n?/g, '\n')
    if (done && source === this.#finished) return
    this.#finished = done ? source : undefined
    let keep = done ? 0 : Math.max(0, this.#blocks.length - OPEN_BLOCKS)
    const kept = this.#blocks.slice(0, keep).reduce((all, { raw }) => all + raw, '')
    if (!source.startsWith(kept)) keep = 0
    const tokens = marked.lexer(keep ? source.slice(kept.length) : source)
    // The address of a link may stand below it.
    if (done && tokens.some(({ type }) => type === 'def')) {
      for (const block of this.#blocks) block.raw = ''
    }
    tokens.forEach((token, index) => {
      this.#place(keep + index, token)
    })
    for (const { node } of this.#blocks.splice(keep + tokens.length)) node?.remove()
  }

  /** @param {number} index @param {Token} token */
  #place(index, token) {
    const old = this.#blocks[index]
    if (old?.raw === token.raw) return
    if (old?.node && growCode(old.node, token)) {
      old.raw = token.raw
      return
    }
    const node = token.type === 'space' || token.type === 'def' ? undefined : blockFrom(token)
    this.#blocks[index] = { raw: token.raw, node }
    if (node && old?.node) old.node.replaceWith(node)
    else if (node) this.#element.insertBefore(node, this.#nextNode(index))
    else old?.node?.remove()
  }

  /** @param {number} index */
  #nextNode(index) {
    for (const { node } of this.#blocks.slice(index + 1)) if (node) return node
    return null
  }
}

/** @param {Token} token */
function blockFrom(token) {
  const fragment = sanitise(marked.parser([token]))
  const block = make('div', 'block', fragment)
  for (const link of block.querySelectorAll('a')) outward(link)
  for (const table of block.querySelectorAll('table')) scrollable(table)
  for (const pre of block.querySelectorAll('pre')) dressCode(pre)
  return block
}

/** @param {HTMLAnchorElement} link a link without an address was none that may be followed */
function outward(link) {
  if (!link.hasAttribute('href')) return link.replaceWith(...link.childNodes)
  link.target = '_blank'
  link.rel = 'noopener noreferrer nofollow'
}

/** @param {HTMLTableElement} table */
function scrollable(table) {
  const box = make('div', 'table')
  box.tabIndex = 0
  box.setAttribute('role', 'region')
  box.setAttribute('aria-label', 'Table')
  table.replaceWith(box)
  box.append(table)
}

/** @param {HTMLPreElement} pre gets a head with language and copy button, and colours */
function dressCode(pre) {
  const code = pre.querySelector('code') ?? pre
  const language = /language-([\w+#-]+)/.exec(code.className)?.[1] ?? ''
  code.className = ''
  const copy = make('button', 'ghost', 'Copy')
  copy.type = 'button'
  copy.dataset.copy = 'code'
  const box = make(
    'div',
    'code',
    make('div', 'code-head', make('span', '', language || 'text'), copy),
  )
  box.dataset.language = language
  pre.replaceWith(box)
  box.append(pre)
  pre.tabIndex = 0
  pre.setAttribute('role', 'region')
  pre.setAttribute('aria-label', language ? `Code, ${language}` : 'Code')
  colour(code, (code.textContent ?? '').replace(/\n$/, ''), language)
}

/** @param {Element} code @param {string} text @param {string} language */
function colour(code, text, language) {
  const html = highlight(text, language)
  if (html === undefined) code.textContent = text
  else code.replaceChildren(sanitise(html))
}

/**
 * Code that only got longer keeps its box, so that a selection, the focus and the scroll
 * position in it survive.
 * @param {HTMLElement} block
 * @param {Token} token
 */
function growCode(block, token) {
  const box = block.firstElementChild
  if (token.type !== 'code' || !(box instanceof HTMLElement) || box.className !== 'code')
    return false
  const code = box.querySelector('code')
  if (!code || box.dataset.language !== (/^[\w+#-]+/.exec(token.lang ?? '')?.[0] ?? ''))
    return false
  colour(code, token.text, box.dataset.language)
  return true
}
