// The shapes that the parts of the page hand to each other. No code.

/** @import { Engine, MemoryPlan, Timings } from 'sotto' */

/**
 * What was measured of one answer. Times in milliseconds.
 * @typedef {object} AnswerFacts
 * @property {number} first from the question to the first word; the engine's waiting included
 * @property {number} prompt_n tokens read; without the cached ones
 * @property {number} cache_n tokens of the prompt that were there already
 * @property {number} prompt_per_second
 * @property {number} predicted_n tokens written
 * @property {number} predicted_per_second
 * @property {number} draft_n
 * @property {number} draft_n_accepted
 * @property {number} p50 between two words, the median
 * @property {number} p95
 */

/**
 * One message of a conversation's tree. Messages with the same parent are versions of each other.
 * @typedef {object} Message
 * @property {string} id
 * @property {string | null} parent
 * @property {'user' | 'assistant'} role
 * @property {string} content
 * @property {number} created Unix milliseconds
 * @property {'stop' | 'length' | 'stopped' | 'failed'} [end] how an answer ended
 * @property {AnswerFacts} [facts]
 */

/**
 * @typedef {object} Conversation
 * @property {string} id
 * @property {string} title
 * @property {boolean} titled by the user; else the title follows the first message
 * @property {number} created
 * @property {number} updated
 * @property {string} system prompt; empty: none
 * @property {Message[]} messages parents before their children
 * @property {Record<string, string>} choice which child is shown, by the parent's id
 *   ('' for the first)
 */

/**
 * What the list of conversations needs of one.
 * @typedef {{ id: string, title: string, updated: number }} Head
 */

/**
 * A model that can be loaded.
 * @typedef {object} ModelEntry
 * @property {string} name for people
 * @property {string | File[]} source URL or files
 * @property {string} [quantisation] as far as the list knows
 * @property {number} [bytes]
 * @property {string} [sha256] only where somebody verified it
 * @property {string} [license]
 */

/**
 * Where the page stands with its model.
 * @typedef {{ phase: 'none' }
 *   | { phase: 'loading', entry: ModelEntry, plan?: MemoryPlan, step: string, loaded: number,
 *     total: number, speed: number, remaining: number }
 *   | { phase: 'paused', entry: ModelEntry, plan?: MemoryPlan, loaded: number, total: number }
 *   | { phase: 'failed', entry: ModelEntry, error: unknown }
 *   | { phase: 'ready', entry: ModelEntry, engine: Engine, quantisation: string }} ModelState
 */

export {}
