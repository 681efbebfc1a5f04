import { fstatSync, type Stats } from 'node:fs'
import { lstat, readlink, realpath, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/**
 * Where a result goes. `file`: a regular file, which is replaced as a whole, or one that is made; `stream`: a device or a
 * FIFO, which is written into and stays what it is; `own`: what this process has as its standard output or error.
 */
export type ResultPlace =
  | { kind: 'file'; path: string; before?: Stats }
  | { kind: 'stream'; path: string }
  | { kind: 'own'; descriptor: number }

/** As Linux has it (`MAXSYMLINKS`). */
const mostLinks = 40

/**
 * What a path leads to, over all symbolic links.
 *
 * @throws Error if no result can be written there, whoever tries
 */
export async function resultPlaceOf(path: string): Promise<ResultPlace> {
  const found = await ifThere(stat(path))
  if (found === undefined) return { kind: 'file', path: await endOfLinks(path) }
  if (found.isDirectory()) throw new Error('it is a directory')
  if (found.isBlockDevice()) throw new Error('it is a block device')
  if (found.isSocket()) throw new Error('it is a socket')
  // Also a file that the output is redirected to: a new one in its place would take the output's end away with the name.
  const descriptor = [1, 2].find((each) => isSame(found, each))
  if (descriptor !== undefined) return { kind: 'own', descriptor }
  return found.isFile() ? { kind: 'file', path: await realpath(path), before: found } : { kind: 'stream', path }
}

/** Of links that lead to nothing yet. */
async function endOfLinks(path: string): Promise<string> {
  let end = resolve(path)
  for (let links = 0; (await ifThere(lstat(end)))?.isSymbolicLink() === true; links++) {
    if (links >= mostLinks) throw new Error('it is a circle of symbolic links')
    end = resolve(dirname(end), await readlink(end))
  }
  return end
}

function isSame({ dev, ino }: Stats, descriptor: number): boolean {
  try {
    const own = fstatSync(descriptor)
    return own.dev === dev && own.ino === ino
  } catch {
    // It is closed.
    return false
  }
}

async function ifThere(asked: Promise<Stats>): Promise<Stats | undefined> {
  try {
    return await asked
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
