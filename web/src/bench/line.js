// Names as results carry them: one line of characters that can be seen, and not a long one.

export const LONGEST_LINE = 160

/** Control characters, line ends, and those that turn the order of text around or take no room. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

/** @param {string} text */
export const isLine = (text) => text.length <= LONGEST_LINE && !INVISIBLE.test(text)

/** @param {string} text whatever a file calls itself */
export const lineOf = (text) =>
  text.replace(new RegExp(INVISIBLE, 'gu'), ' ').slice(0, LONGEST_LINE)
