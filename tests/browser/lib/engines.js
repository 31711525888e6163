// The browsers beside Chromium, all behind one small interface, and what each of them can do.
import { openFirefox } from './firefox.js'
import { openWebkit } from './webkit.js'

/**
 * The one tab of a browser with a profile of its own.
 * @typedef {object} Tab
 * @property {string} version
 * @property {(url: string) => Promise<void>} go opens a page and waits until it is loaded
 * @property {(work: (...given: any[]) => any, ...given: any[]) => Promise<any>} evaluate calls a
 *   function in the page; what goes in and what comes out is JSON
 * @property {(condition: (...given: any[]) => boolean, ...given: any[]) => Promise<void>} until
 *   waits for something to be so in the document
 * @property {(selector: string) => Promise<void>} click
 * @property {(selector: string, text: string) => Promise<void>} ask types a text,
 *   and Enter behind it
 * @property {() => Promise<string[]>} problems of the page that is
 *   open: errors, violations of the policy
 * @property {() => Promise<void>} close ends the browser
 */

/**
 * @type {{ name: string, open: () => Promise<Tab>, threads: boolean, cache: boolean,
 *   speaks: boolean }[]} `speaks`: its workers hear of violations of the policy
 */
export const engines = [
  { name: 'Firefox', open: openFirefox, threads: true, cache: true, speaks: true },
  { name: 'WebKitGTK', open: openWebkit, threads: false, cache: false, speaks: false },
  {
    name: 'WebKitGTK with what Safari has',
    open: () => openWebkit({ likeSafari: true }),
    threads: true,
    // The driver's windows are private, and in others WebKitGTK has no synchronous access handles.
    cache: false,
    speaks: false,
  },
]
