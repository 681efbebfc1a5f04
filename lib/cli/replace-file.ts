import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'

/**
 * Replaces a file's content. Owner, group, mode, hard links and symbolic links stay.
 *
 * A file of one name is replaced whole or not at all, by a new one that takes its name. Others are written over: a
 * file of several names, which a new one would part; and one whose owner or folder does not let a new one take its place
 * (another user's, a file that is mounted by itself).
 *
 * @throws the system's error
 */
export function replaceFile(path: string, text: string): void {
  const target = realpathSync(path)
  const stats = statSync(target)
  if (!stats.isFile()) throw new Error('it is not a regular file')
  if (stats.nlink > 1 || !tookPlace(target, stats, text)) writeOver(target, text)
}

/** Errors of a file that cannot be replaced, but may be writable. */
const irreplaceable = ['EACCES', 'EPERM', 'EROFS', 'EBUSY', 'EXDEV']

/** Whether a new file has the content, the owner and the mode, and has taken the name. */
function tookPlace(target: string, { uid, gid, mode }: Stats, text: string): boolean {
  const temporary = `${target}.${randomBytes(6).toString('hex')}`
  try {
    writeFileSync(temporary, text, { flag: 'wx', flush: true })
    const made = statSync(temporary)
    if (made.uid !== uid || made.gid !== gid) chownSync(temporary, uid, gid)
    // After the owner, whose change takes the set-user-ID bit away.
    chmodSync(temporary, mode & 0o7777)
    renameSync(temporary, target)
    return true
  } catch (error) {
    rmSync(temporary, { force: true })
    if (irreplaceable.includes((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
}

/** First all that is new, then what is too much: a disk that is full cuts the file short in no case. */
function writeOver(target: string, text: string): void {
  const bytes = Buffer.from(text)
  const file = openSync(target, 'r+')
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, at)
    ftruncateSync(file, bytes.length)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
