/** What only the executable itself can show: its exit status, and its pipes. All else is tested in this process. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { main, shmLiveness, spawnShmLiveness } from '../support/command.js'

const folder = mkdtempSync(join(tmpdir(), 'shm-liveness-process-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const pod = 'kind: Pod\nspec:\n  containers:\n  - name: camera\n'
const wiredByHand = `${pod}    livenessProbe: {}\n`

describe('the executable', () => {
  it.each<[number, string[], string]>([
    [0, ['wire'], pod],
    [1, ['wire', '--diff'], pod],
    [2, ['wires'], ''],
    [3, ['wire'], 'a: [1\n'],
    [4, ['wire'], wiredByHand],
  ])('exits with the status of the run, and prints the same: %i', async (code, args, input) => {
    const done = spawnShmLiveness(args, input)
    expect(done.code).toBe(code)
    expect(done).toEqual(await shmLiveness(args, input))
  })
})

describe('standard input', () => {
  it('waits for a slow writer, also on a pipe that does not block', async () => {
    const program = `const write = (text) => process.stdout.write(text)
      write('kind: Pod\\nspec:\\n'); setTimeout(() => write('  containers: [{name: a}]\\n'), 300)`
    const pipe = `${process.execPath} -e "$PROGRAM" | ${process.execPath} ${main} wire | grep -c Probe:`
    const { stdout } = await promisify(execFile)('sh', ['-c', pipe], { env: { ...process.env, PROGRAM: program } })
    expect(stdout).toBe('1\n')
  })
})

describe('a reader of wire', () => {
  const file = join(folder, 'many.yaml')
  writeFileSync(file, `${pod}---\n`.repeat(300))
  const piped = (to: string) =>
    promisify(execFile)('sh', ['-c', `"$NODE" "$MAIN" wire --image registry.example/a:1 "$FILE" ${to}`], {
      env: { NODE: process.execPath, MAIN: main, FILE: file },
    })

  it('may go after the first line', async () => {
    expect(await piped('| { read -r line; echo "$line"; }')).toEqual({ stdout: 'kind: Pod\n', stderr: '' })
  })

  it('may have no room, which is said in a line', async () => {
    const full = expect.objectContaining({ code: 3, stderr: expect.stringMatching(/^shm-liveness: ENOSPC.*\n$/) })
    await expect(piped('> /dev/full')).rejects.toEqual(full)
  })
})
