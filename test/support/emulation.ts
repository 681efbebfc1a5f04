import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll } from 'vitest'

const folder = '/proc/sys/fs/binfmt_misc'
const name = 'shm-liveness-aarch64'
/** Of a 64-bit little-endian ELF file for AArch64 (EM_AARCH64 is 183), whatever its ABI is. */
const magic = '\\x7fELF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00'
const mask = '\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff'

/**
 * Has the kernel run programs of arm64 by qemu, as the article's binfmt DaemonSet does: F opens the interpreter now, so
 * that it is there in containers, too. Undone after the tests of the file, unless it was so before.
 *
 * @returns why it cannot; undefined, if it does
 */
export function useArm64(): string | undefined {
  const interpreter = '/usr/bin/qemu-aarch64-static'
  if (!existsSync(interpreter)) return 'no qemu-aarch64-static (Debian: apt-get install qemu-user-static)'
  if (!existsSync(`${folder}/register`)) spawnSync('mount', ['-t', 'binfmt_misc', 'none', folder])
  if (!existsSync(`${folder}/register`)) return 'the kernel has no binfmt_misc, or this is not root'
  if (isOn('qemu-aarch64') || isOn(name)) return undefined
  writeFileSync(`${folder}/register`, `:${name}:M::${magic}:${mask}:${interpreter}:F`)
  afterAll(() => writeFileSync(`${folder}/${name}`, '-1'))
  return undefined
}

function isOn(entry: string): boolean {
  const path = `${folder}/${entry}`
  return existsSync(path) && readFileSync(path, 'utf8').startsWith('enabled')
}
