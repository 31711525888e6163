// A line over the tokens of an answer, drawn by uPlot in the page's own colours.
import './language.js'
import uPlot from 'uplot'

const HEIGHT = 112
const DRAW_EVERY_MS = 250

export class Chart {
  #place
  #label
  /** @type {uPlot | undefined} */
  #plot
  /** @type {(number | null)[]} */
  #values = []
  #drawn = 0
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer

  /** @param {HTMLElement} place @param {string} label what the values are */
  constructor(place, label) {
    this.#place = place
    this.#label = label
    new ResizeObserver(() => this.#resize()).observe(place)
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#renew())
  }

  /** @param {(number | null)[]} values */
  set(values) {
    this.#values = values
    const wait = this.#drawn + DRAW_EVERY_MS - performance.now()
    if (wait <= 0) this.#draw()
    else this.#timer ??= setTimeout(() => this.#draw(), wait)
  }

  #draw() {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#drawn = performance.now()
    if (!this.#place.clientWidth) return // not shown
    this.#plot ??= this.#make()
    this.#plot.setData([this.#values.map((_, index) => index + 1), this.#values])
  }

  #renew() {
    this.#plot?.destroy()
    this.#plot = undefined
    this.#draw()
  }

  #resize() {
    const width = this.#place.clientWidth
    if (!width) return
    if (this.#plot) this.#plot.setSize({ width, height: HEIGHT })
    else this.#draw()
  }

  #make() {
    const style = getComputedStyle(this.#place)
    const axis = {
      stroke: style.color,
      font: `11px ${style.fontFamily}`,
      grid: { stroke: style.borderTopColor, width: 1 },
      ticks: { show: false },
    }
    const line = { stroke: style.outlineColor, width: 1.5, points: { show: false } }
    return new uPlot(
      {
        width: this.#place.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        padding: [8, 8, 0, 0],
        scales: { x: { time: false }, y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] } },
        axes: [
          { ...axis, size: 22, space: 48 },
          { ...axis, size: 40, space: 28 },
        ],
        series: [{}, { ...line, label: this.#label }],
      },
      [[], []],
      this.#place,
    )
  }
}
