// What is known of WebKit's engine and worked around here alone.

/**
 * JavaScriptCore 2.50 on x86-64 traps in one of some thousand headers, where the same
 * module runs through the same bytes in every other engine, and the next time in this one.
 * Chromium names WebKit too.
 * @param {string} [userAgent]
 */
export const trapsAtTimes = (userAgent = globalThis.navigator?.userAgent ?? '') =>
  userAgent.includes('AppleWebKit/') && !/\b(?:Headless)?Chrom(?:e|ium)\//.test(userAgent)
