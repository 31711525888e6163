// The little Markdown that models write most: fenced code, inline code, bold. Everything becomes text
// nodes, so nothing that a model says can become markup.
import { make } from './dom.js'

/** @param {string} text possibly still growing */
export function renderText(text) {
  return text.split(/^```/m).flatMap((part, index) => (index % 2 ? [code(part)] : paragraphs(part)))
}

/** @param {string} part what follows a fence: a language, a line end, code */
function code(part) {
  const body = part.replace(/^[^\n]*\n?/, '').replace(/\n$/, '')
  return make('pre', '', make('code', '', body))
}

/** @param {string} part */
const paragraphs = (part) =>
  part
    .split(/\n{2,}/)
    .map((paragraph) => paragraph.replace(/^\n+|\s+$/g, ''))
    .filter(Boolean)
    .map((paragraph) => make('p', '', ...inline(paragraph)))

/** @param {string} text */
const inline = (text) =>
  text.split(/(`[^`\n]+`|\*\*[^*\n]+\*\*)/).map((piece) => {
    if (/^`.+`$/.test(piece)) return make('code', '', piece.slice(1, -1))
    if (/^\*\*.+\*\*$/.test(piece)) return make('strong', '', piece.slice(2, -2))
    return piece
  })
