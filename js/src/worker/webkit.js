// What is known of WebKit's engine and worked around here alone.

/**
 * JavaScriptCore 2.50 on x86-64 traps once in some thousand headers. The same module parses
 * the same bytes in every other engine, and at the second try in this one. Chromium's user
 * agent names WebKit too.
 * @param {string} [userAgent]
 */
export const trapsAtTimes = (userAgent = globalThis.navigator?.userAgent ?? '') =>
  userAgent.includes('AppleWebKit/') && !/\b(?:Headless)?Chrom(?:e|ium)\//.test(userAgent)
