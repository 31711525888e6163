// Medians, spreads, and ratios pair by pair.

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** @returns {{ n: number, median: number, min: number, max: number } | undefined} */
export function summary(values) {
  if (values.length === 0) return undefined
  const [min, max] = [Math.min(...values), Math.max(...values)]
  return { n: values.length, median: median(values), min, max }
}

/**
 * How many times better the first is, round by round: samples are { round, value }, and a round
 * that only one of them has counts for nothing.
 */
export function ratios(ours, theirs, higherIsBetter) {
  const other = new Map(theirs.map(({ round, value }) => [round, value]))
  const pairs = ours.filter(({ round }) => other.has(round))
  return pairs.map(({ round, value }) =>
    higherIsBetter ? value / other.get(round) : other.get(round) / value,
  )
}
