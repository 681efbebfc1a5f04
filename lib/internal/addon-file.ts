/**
 * The addon's file, before it is loaded: the dynamic loader maps what the file says it has, and a file that was cut short
 * would end the process with SIGBUS.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { LivenessError } from '../errors.js'

/** What an ELF file says of the machine it is for. */
interface Machine {
  /** 32 or 64. */
  bits: number
  isLittleEndian: boolean
  /** `e_machine`. */
  machine: number
}

interface ElfFile extends Machine {
  bytes: number
  /** How long the file must be for all of its segments. */
  neededBytes: number
}

/** The numbers of <elf.h>, by the names of Node.js. */
const names = new Map([
  [3, 'ia32'],
  [21, 'ppc64'],
  [22, 's390x'],
  [40, 'arm'],
  [62, 'x64'],
  [183, 'arm64'],
  [243, 'riscv64'],
  [258, 'loong64'],
])

/** @throws LivenessError `BINARY_BROKEN`, `BINARY_FOREIGN`, `BINARY_REFUSED` */
export function requireLoadable(path: string): void {
  const file = read(path)
  if (file === undefined) throw broken(path, 'it is not an ELF file')
  const own = ownMachine()
  const isOwn =
    own === undefined ||
    (file.bits === own.bits && file.isLittleEndian === own.isLittleEndian && file.machine === own.machine)
  if (!isOwn) {
    throw new LivenessError(
      'BINARY_FOREIGN',
      `${path} is made for ${nameOf(file)}, and this Node.js is of ${nameOf(own)}; install the package on this machine`,
    )
  }
  if (file.bytes < file.neededBytes) throw broken(path, `it has ${file.bytes} of ${file.neededBytes} bytes`)
}

function broken(path: string, reason: string): LivenessError {
  return new LivenessError('BINARY_BROKEN', `${path} is damaged: ${reason}; install the package again`)
}

function read(path: string): ElfFile | undefined {
  try {
    return elfFile(path)
  } catch (cause) {
    const { message } = cause as Error
    throw new LivenessError('BINARY_REFUSED', `${path} cannot be read (${message}); make it readable`, { cause })
  }
}

function nameOf({ machine, bits, isLittleEndian }: Machine): string {
  const order = isLittleEndian ? '' : ', big-endian'
  return `${names.get(machine) ?? `machine ${machine}`} (${bits} bits${order})`
}

/** Of the running Node.js; undefined where it cannot be told (no /proc). */
function ownMachine(): Machine | undefined {
  try {
    return elfFile('/proc/self/exe')
  } catch {
    return undefined
  }
}

/** Where the fields of the header are, for both classes: e_phoff, e_phentsize, e_phnum; p_offset and p_filesz of a segment. */
const places = {
  32: { headerBytes: 52, tableAt: 28, entrySizeAt: 42, entriesAt: 44, offsetAt: 4, sizeAt: 16 },
  64: { headerBytes: 64, tableAt: 32, entrySizeAt: 54, entriesAt: 56, offsetAt: 8, sizeAt: 32 },
} as const

/** undefined: it is none, or has not even a header. */
function elfFile(path: string): ElfFile | undefined {
  const descriptor = openSync(path, 'r')
  try {
    const header = bytesAt(descriptor, 0, places[64].headerBytes)
    const bits = header[4] === 1 ? 32 : 64
    if (header.length < places[bits].headerBytes || header.readUInt32BE(0) !== 0x7f454c46) return undefined
    const isLittleEndian = header[5] === 1
    const number = (from: Buffer, at: number, size: number): number =>
      isLittleEndian ? from.readUIntLE(at, size) : from.readUIntBE(at, size)
    const word = (from: Buffer, at: number): number => {
      if (bits === 32) return number(from, at, 4)
      return Number(isLittleEndian ? from.readBigUInt64LE(at) : from.readBigUInt64BE(at))
    }
    const { tableAt, entrySizeAt, entriesAt, offsetAt, sizeAt } = places[bits]
    const entryBytes = number(header, entrySizeAt, 2)
    const tableBytes = entryBytes * number(header, entriesAt, 2)
    const tableFrom = word(header, tableAt)
    const { size: bytes } = fstatSync(descriptor)
    const table = tableFrom < bytes ? bytesAt(descriptor, tableFrom, tableBytes) : Buffer.alloc(0)
    let neededBytes = tableFrom + tableBytes
    for (let at = 0; at + entryBytes <= table.length; at += entryBytes) {
      const entry = table.subarray(at, at + entryBytes)
      neededBytes = Math.max(neededBytes, word(entry, offsetAt) + word(entry, sizeAt))
    }
    return { bits, isLittleEndian, machine: number(header, 18, 2), neededBytes, bytes }
  } finally {
    closeSync(descriptor)
  }
}

function bytesAt(descriptor: number, at: number, count: number): Buffer {
  const buffer = Buffer.alloc(count)
  return buffer.subarray(0, readSync(descriptor, buffer, 0, count, at))
}
