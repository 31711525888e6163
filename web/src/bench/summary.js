// Medians and spreads. Plain numbers.

/** @typedef {{ n: number, median: number, min: number, max: number }} Summary */

/** @param {number[]} values at least one */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** @param {number[]} values at least one @returns {Summary} */
export const summary = (values) => ({
  n: values.length,
  median: median(values),
  min: Math.min(...values),
  max: Math.max(...values),
})

/**
 * The median of several series, place by place, as far as all of them go.
 * @param {number[][]} series
 */
export function medianSeries(series) {
  const length = series.length ? Math.min(...series.map((one) => one.length)) : 0
  return Array.from({ length }, (_, i) => median(series.map((one) => one[i])))
}

/**
 * Four digits that count: more would only make a link longer.
 * @param {number} value
 */
export const rounded = (value) => Number(value.toPrecision(4))
