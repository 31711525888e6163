// Whether what was kept is of the file that the server has now.
import { makeValidator, revalidate } from '../source/validator.js'
import { isComplete } from './manifest.js'

/** @import { SourceFacts } from '../source/validator.js' */
/** @import { CacheUse } from '../types.js' */
/** @import { Manifest } from './manifest.js' */

/** A page for people, where a model should be. @param {SourceFacts | undefined} facts */
const isPage = (facts) => /^text\/html\b/i.test(facts?.contentType ?? '')

/**
 * use: it is; reset: the server has another version, which has to replace it; leave: the answer is
 * a web page instead of a model, and what was kept stays.
 * @param {Manifest} manifest of what was kept
 * @param {SourceFacts | undefined} facts of what the server has
 * @param {{ stated: string, wanted: string | undefined }} sha256 by the caller,
 *   and by the server too
 * @returns {{ verdict: 'use' | 'reset' | 'leave', by: CacheUse['validated_by'] }}
 */
export function judgeKept(manifest, facts, { stated, wanted }) {
  if (manifest.ranges.bytes === 0) return { verdict: isPage(facts) ? 'leave' : 'use', by: 'none' }
  const { same, by } = revalidate(manifest.validator, facts?.validator ?? makeValidator({}))
  if (!same && isPage(facts)) return { verdict: 'leave', by } // what is there is worth more
  const other = stated && manifest.sha256 && stated !== manifest.sha256
  // Two versions of the same size could be mixed into one file, and only a hash would show it.
  const mixes = by === 'size' && !isComplete(manifest) && !wanted
  return { verdict: !same || other || mixes ? 'reset' : 'use', by }
}
