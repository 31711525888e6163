// Functions of a test as text that a page evaluates, whatever drives it. What goes in and what
// comes out is JSON, and so the same in every browser.

/**
 * The text of a promise of JSON: of what `work`, which sees nothing of the test, gives for `given`.
 */
export const call = (work, given) =>
  `(async () => JSON.stringify(await (${work})(...${JSON.stringify(given)})) ?? 'null')()`

/** The same, once `condition` holds. It is asked again whenever the document changes. */
export const until = (condition, given) =>
  `(async () => {
    const holds = () => (${condition})(...${JSON.stringify(given)})
    await new Promise((resolve) => {
      const look = () => holds() && (observer.disconnect(), resolve())
      const observer = new MutationObserver(look)
      const all = { attributes: true, characterData: true, childList: true, subtree: true }
      observer.observe(document, all)
      look()
    })
    return 'null'
  })()`
