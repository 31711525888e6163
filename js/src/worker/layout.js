// Struct layouts and constants as the module itself reports them (sotto_layout_json): no offset and
// no number of the C side is written down in JavaScript.
import { SottoError } from '../errors.js'

/** @typedef {{ size: number, fields: Record<string, [type: string, offset: number]> }} Struct */
/**
 * Names are those of sotto.h without their prefix.
 * @typedef {object} Layout
 * @property {Record<string, number>} status code → number
 * @property {Record<string, number>} constants
 * @property {Record<string, Struct>} structs
 * @property {string} gpu_kernels hash of the kernels for GPUs that the core was built with
 */

/**
 * @typedef {object} Type
 * @property {(view: DataView, at: number) => number} get
 * @property {(view: DataView, at: number, value: any) => void} set
 */

/** @type {Record<string, Type>} */
const types = {
  u32: { get: (v, at) => v.getUint32(at, true), set: (v, at, x) => v.setUint32(at, x, true) },
  i32: { get: (v, at) => v.getInt32(at, true), set: (v, at, x) => v.setInt32(at, x, true) },
  f32: { get: (v, at) => v.getFloat32(at, true), set: (v, at, x) => v.setFloat32(at, x, true) },
  f64: { get: (v, at) => v.getFloat64(at, true), set: (v, at, x) => v.setFloat64(at, x, true) },
  u64: {
    get: (v, at) => Number(v.getBigUint64(at, true)),
    set: (v, at, x) => v.setBigUint64(at, BigInt.asUintN(64, BigInt(x)), true),
  },
}
types.ptr = types.u32

/** A struct in the module's memory, read and written by field names. */
export class StructView {
  #struct
  #name
  #view

  /**
   * @param {Layout} layout
   * @param {string} name
   * @param {() => DataView} view of the memory as it is now: growth replaces it
   * @param {number} ptr
   */
  constructor(layout, name, view, ptr = 0) {
    this.#struct = layout.structs[name]
    this.#name = name
    this.#view = view
    this.ptr = ptr
    if (!this.#struct) throw mismatch(`struct ${name}`)
  }

  get size() {
    return this.#struct.size
  }

  /**
   * @param {string} field
   * @returns {any}
   */
  get(field) {
    const [type, offset] = this.#field(field)
    return types[type].get(this.#view(), this.ptr + offset)
  }

  /**
   * @param {string} field
   * @param {number | bigint} value
   */
  set(field, value) {
    const [type, offset] = this.#field(field)
    types[type].set(this.#view(), this.ptr + offset, value)
  }

  /** Every number in it, as a plain object; pointers stay out. */
  numbers() {
    /** @type {Record<string, number>} */
    const result = {}
    for (const [name, [type]] of Object.entries(this.#struct.fields)) {
      if (type !== 'ptr' && name !== 'reserved') result[name] = this.get(name)
    }
    return result
  }

  /** @param {string} name */
  #field(name) {
    const field = this.#struct.fields[name]
    if (!field || !types[field[0]]) throw mismatch(`${this.#name}.${name}`)
    return field
  }
}

/** @param {string} thing */
export const mismatch = (thing) =>
  new SottoError('version_mismatch', `The module knows no ${thing}: it is of another version`)
