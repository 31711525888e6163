// Where things are. Everything that set-up downloads lives in .toolchain and models/cache.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
export const toolchain = join(root, '.toolchain')
export const modelCache = join(root, 'models', 'cache')
export const inRoot = (...parts) => join(root, ...parts)
