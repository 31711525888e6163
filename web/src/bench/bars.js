// Bars for what has one unit: as long as the median, with a tick for every sample.
import { make } from '../dom.js'
import { summary } from './summary.js'
import { longName, shortName } from './tests.js'

/** @import { Test } from './result.js' */

const SVG = 'http://www.w3.org/2000/svg'
const HEIGHT = 20

/**
 * @param {string} title
 * @param {Test[]} tests of one unit
 * @param {(value: number) => string} text of a value
 */
export function barGroup(title, tests, text) {
  // The last tick is not to be cut off at the end.
  const most = 1.01 * Math.max(...tests.flatMap(({ samples }) => samples)) || 1
  const rows = tests.map((test) => {
    const name = make('span', 'bar-name', shortName(test))
    name.title = longName(test)
    const value = make('span', 'bar-value', text(summary(test.samples).median))
    return make('li', '', name, drawing(test.samples, most), value)
  })
  return make('div', 'bar-group', make('h4', '', title), make('ul', 'bars', ...rows))
}

/** @param {number[]} samples @param {number} most */
function drawing(samples, most) {
  const svg = shape('svg', { class: 'bar-drawing', height: HEIGHT, 'aria-hidden': 'true' })
  const share = (/** @type {number} */ value) => `${((100 * value) / most).toFixed(2)}%`
  svg.append(
    shape('rect', { class: 'bar-ground', width: '100%', height: HEIGHT, rx: 4 }),
    shape('rect', {
      class: 'bar-length',
      width: share(summary(samples).median),
      height: HEIGHT,
      rx: 4,
    }),
  )
  for (const value of samples) {
    const x = share(value)
    svg.append(shape('line', { class: 'bar-sample', x1: x, x2: x, y1: 5, y2: HEIGHT - 5 }))
  }
  return svg
}

/** @param {string} name @param {Record<string, string | number>} attributes */
function shape(name, attributes) {
  const element = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value))
  return element
}
