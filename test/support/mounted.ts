import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Runs `use` with a new tmpfs, mounted with these flags of mount(8), and takes it away again. */
export async function mounted(flags: string[], use: (dir: string) => unknown): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'shm-liveness-mounted-'))
  execFileSync('mount', ['-t', 'tmpfs', ...flags, 'tmpfs', dir])
  try {
    await use(dir)
  } finally {
    execFileSync('umount', [dir])
    rmSync(dir, { recursive: true })
  }
}
