// Where entries are kept: a folder of folders, in the origin's private file system
// (storage-opfs.js) or on disk (storage-node.js). Types only: both do the same.

/**
 * @typedef {object} Storage
 * @property {() => Promise<string[]>} keys of the entries
 * @property {(key: string, make: boolean) => Promise<Folder | undefined>} folder undefined if there
 *   is none, unless `make` says to make it
 * @property {(key: string) => Promise<void>} remove an entry with all it has
 * @property {() => Promise<{ usage: number, quota: number }>} estimate in bytes
 * @property {() => Promise<boolean>} persist asks that the browser evicts nothing by itself
 * @property {(key: string, options: { wait: boolean,
 *   signal?: AbortSignal }) => Promise<Lock | undefined>} lock the right to write an entry,
 *   which one at a time has on this machine; without `wait` undefined if another has it.
 *   It is free again when its holder ends
 */

/** @typedef {{ release(): void }} Lock */

/**
 * An entry's files.
 * @typedef {object} Folder
 * @property {(name: string) => Promise<string | undefined>} readText a small file;
 *   undefined if there is none
 * @property {(name: string, text: string) => Promise<void>} writeText all of it, and flushed
 * @property {(index: number) => Promise<number>} segmentSize bytes; 0 if there is none
 * @property {(index: number) => Promise<Writable>} openSegment to write; made if there is none
 * @property {(index: number, start: number, end: number,
 *   signal: AbortSignal) => AsyncIterable<Uint8Array>} readSegment of a segment that nobody writes
 *   any more. Pieces are good until the next is asked for
 */

/**
 * One segment that is being written. Synchronous, as far as the host has that.
 * @typedef {object} Writable
 * @property {(at: number, bytes: Uint8Array) => void} write all of them, or it throws
 * @property {(at: number, bytes: Uint8Array) => number} read as many as there are
 * @property {() => void | Promise<void>} flush to where a crash leaves them
 * @property {() => void} close
 */

export {}
