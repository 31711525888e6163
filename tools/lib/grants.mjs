// What the command may see of the disk: the folders of the files that its options name,
// and nothing else. wasmtime follows no link out of a granted folder, and no absolute link at all,
// so a file that is reached through links is named by the path where it really lies.
import { lstatSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { inRoot } from './paths.mjs'

/** The options whose value is a file, as the command's own tables have them. */
export function fileOptions() {
  const tables = readFileSync(inRoot('wasi', 'tables.c'), 'utf8')
  const rows = tables.matchAll(/\{\{([^}]*)\},\s*CLI_TEXTS?,\s*AT\(\w+\),\s*"(?:FILE|FOLDER)"/g)
  return new Set(
    [...rows].flatMap(([, names]) => [...names.matchAll(/"([^"]+)"/g)].map((m) => m[1])),
  )
}

/**
 * The arguments as the command gets them, and the folders to grant, under their own names.
 * @param {string[]} args
 * @param {string} cwd which relative paths begin in
 * @returns {{ args: string[], folders: string[] }}
 */
export function grant(args, cwd, options = fileOptions()) {
  const folders = new Set()
  const place = (path) => {
    if (path === '' || path === '-') return path
    const found = placeOf(path, cwd)
    folders.add(found.folder)
    return found.path
  }
  const placed = []
  for (let i = 0; i < args.length; i++) {
    const [, name, value] = /^(--[^=]+)=(.*)$/s.exec(args[i]) ?? []
    if (options.has(name)) placed.push(`${name}=${place(value)}`)
    else placed.push(args[i])
    if (options.has(args[i]) && i + 1 < args.length) placed.push(place(args[++i]))
  }
  for (const folder of folders) {
    if (!folder.includes('::')) continue
    throw new Error(
      `wasmtime cannot be granted ${folder}: it takes '::' for the end of a folder's name. ` +
        'Rename the folder, or copy the file to another',
    )
  }
  return { args: placed, folders: [...folders] }
}

/**
 * @returns {{ path: string, folder: string }} how the command reaches a file, which
 *   may not be there yet
 */
function placeOf(path, cwd) {
  const typed = path.replace(/^(\.\/+)+(?=.)/, '') // as the command's C library has it
  const full = resolve(cwd, typed)
  if (isFolder(full)) return { path: typed, folder: typed }
  if (!isFolder(dirname(full))) throw new Error(`${path}: there is no folder ${dirname(path)}`)
  const files = partsOf(full)
  const real = files.map(realPath)
  const folder = realpathSync(dirname(full))
  const straight = files.every((file, i) => real[i] === join(folder, basename(file)))
  if (straight) return { path: typed, folder: dirname(typed) }
  const own = real[files.indexOf(full)]
  const together = real.every(
    (target, i) => dirname(target) === dirname(own) && basename(target) === basename(files[i]),
  )
  if (files.length === 1 || together) return { path: own, folder: dirname(own) }
  // The parts of a model find each other by their names, so the links stay, and all
  // between is granted.
  return {
    path: join(folder, basename(full)),
    folder: commonFolder(path, [folder, ...real], files),
  }
}

const isFolder = (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false

/** All files of a split model, and of any other the file itself. */
function partsOf(full) {
  const [, stem, , count] = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/s.exec(full) ?? []
  if (!count) return [full]
  const names = Array.from(
    { length: Math.min(Number(count), 999) },
    (_, i) => `${stem}-${String(i + 1).padStart(5, '0')}-of-${count}.gguf`,
  )
  return names.filter((name) => name === full || lstatSync(name, { throwIfNoEntry: false }))
}

/** Where a file lies, or would lie. */
function realPath(full) {
  try {
    return realpathSync(full)
  } catch (error) {
    const link = lstatSync(full, { throwIfNoEntry: false })
    if (link) throw new Error(`${full} is a link to nothing that could be opened: ${error.message}`)
    return join(realpathSync(dirname(full)), basename(full))
  }
}

/** The folder that holds all of these paths, for links that do not leave it. */
function commonFolder(path, paths, links) {
  const inside = (parent, child) => {
    const way = relative(parent, child)
    return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
  }
  let common = paths[0]
  while (!paths.every((each) => inside(common, each))) common = dirname(common)
  const isLink = (file) => lstatSync(file).isSymbolicLink()
  const absolute = links.some((file) => isLink(file) && isAbsolute(readlinkSync(file)))
  if (!absolute && dirname(common) !== common) return common
  throw new Error(
    `${path}: wasmtime follows links neither out of a granted folder nor by their whole path, ` +
      'and the parts of this model lead to other names. ' +
      'Copy them into one folder, under the names of the links',
  )
}
