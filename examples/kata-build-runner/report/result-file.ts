import { randomBytes } from 'node:crypto'
import { type Stats, write } from 'node:fs'
import { constants, type FileHandle, open, rename, rm } from 'node:fs/promises'
import { promisify } from 'node:util'
import { type Clock, systemClock } from '../model/clock.js'
import { harmless } from '../model/plain-text.js'
import type { BuildResult } from '../model/result.js'
import { RunnerError } from '../model/runner-error.js'
import { resultPlaceOf } from './result-place.js'

const writeSome = promisify(write)

/** How long nobody may read a FIFO or pipe that the result goes to. */
const mostWaitMs = 10_000
const pauseMs = 100

/**
 * Writes a result as JSON. A regular file is replaced: a reader sees the old one or the whole new one. Whatever else the
 * path leads to (a device, a FIFO, the process's own output) is written into.
 *
 * @throws RunnerError `RESULT_FILE`
 */
export async function writeResult(
  path: string,
  result: BuildResult | readonly BuildResult[],
  clock: Clock = systemClock,
): Promise<void> {
  const text = Buffer.from(`${JSON.stringify(result, harmlessText, 2)}\n`)
  try {
    const place = await resultPlaceOf(path)
    if (place.kind === 'file') await replaceFile(place.path, text, place.before)
    else if (place.kind === 'own') await writeAll(place.descriptor, text, clock)
    else await writeInto(place.path, text, clock)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new RunnerError(
      'RESULT_FILE',
      `cannot write the result to ${path}: ${why}`,
      'name a file in a directory that exists and can be written to',
      { cause: error },
    )
  }
}

/** Whoever shows the file must not be harmed by it: steps print what they like, and the guard's record tells of it. */
function harmlessText(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? harmless(value) : value
}

async function replaceFile(path: string, text: Buffer, before: Stats | undefined): Promise<void> {
  // In the same directory: a rename does not cross file systems. A name that nobody can have put a link at.
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const file = await open(temporary, 'wx')
    try {
      if (before !== undefined) await keepOwner(file, before)
      await file.writeFile(text)
      // Or the name could outlive a power cut, and the content not.
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw error
  }
}

/** The mode always; the owner where that is allowed. */
async function keepOwner(file: FileHandle, { uid, gid, mode }: Stats): Promise<void> {
  await file.chown(uid, gid).catch(() => {})
  await file.chmod(mode & 0o777)
}

async function writeInto(path: string, text: Buffer, clock: Clock): Promise<void> {
  const file = await openStream(path, clock)
  try {
    await writeAll(file.fd, text, clock)
  } finally {
    await file.close()
  }
}

/** Without waiting in the kernel, which nothing could end, for a reader of a FIFO. */
async function openStream(path: string, clock: Clock): Promise<FileHandle> {
  for (const untilMs = clock.now() + mostWaitMs; ; await clock.sleep(pauseMs)) {
    try {
      return await open(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error
      if (clock.now() >= untilMs) throw new Error(`nobody has opened it for reading within ${mostWaitMs / 1000} s`)
    }
  }
}

async function writeAll(descriptor: number, text: Buffer, clock: Clock): Promise<void> {
  let untilMs = clock.now() + mostWaitMs
  for (let done = 0; done < text.length; ) {
    try {
      done += (await writeSome(descriptor, text, done)).bytesWritten
      untilMs = clock.now() + mostWaitMs
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      if (clock.now() >= untilMs) throw new Error(`nobody reads it: ${text.length - done} bytes wait`)
      await clock.sleep(pauseMs)
    }
  }
}
