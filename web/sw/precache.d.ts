// What the build tells the service worker.
declare module 'virtual:precache' {
  /** Of all files together. */
  export const version: string
  /** Relative to the site. */
  export const files: string[]
}
