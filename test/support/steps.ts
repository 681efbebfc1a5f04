import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { guardPath } from 'shm-liveness'
import { afterAll } from 'vitest'
import { startGuard } from './guard.js'
import { marked } from './left-behind.js'
import type { Program } from './program.js'
import { uniqueRegion } from './region.js'

export const folder = mkdtempSync(join(tmpdir(), 'steps-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

export interface Step {
  name: string
  argv?: string[]
  shell?: string
  silenceBudget?: string
  timeLimit?: string
}

let files = 0
export function fileOf(content: string | Buffer): string {
  const path = join(folder, `steps-${++files}.json`)
  writeFileSync(path, content)
  return path
}
export const stepsFile = (steps: Step[]) => fileOf(JSON.stringify({ steps }))

/** Run by sh -e; SIGTERM reaches its children too, so a child that may die of it has `|| :` behind it. */
export const sh = (name: string, shell: string, more: Partial<Step> = {}): Step => ({ name, shell, ...more })

export interface Mark {
  mark: string
  written: number
  step?: number
  of?: number
  name?: string
  text?: string
  outcome?: string
  exit?: number
  line?: string
  silenceBudgetNs?: number
  timeLimitNs?: number
  durationNs?: number
  /** Where its line begins in the log, in bytes. */
  at: number
  /** Behind its line. */
  end: number
}

export interface Log {
  code: number | null
  stderr: string
  bytes: Buffer
  marks: Mark[]
  nonce: string
}

/** Reads a log as its reader would: the nonce is that of the first line, which is the guard's. */
export function read(bytes: Buffer): { nonce: string; marks: Mark[] } {
  const text = bytes.toString('latin1')
  const nonce = /^##\[shm-guard ([^\]]+)\] /.exec(text)?.[1] ?? ''
  const prefix = `##[shm-guard ${nonce}] `
  const marks: Mark[] = []
  let at = text.startsWith(prefix) ? 0 : -1
  while (at >= 0) {
    const end = text.indexOf('\n', at)
    const json = bytes.subarray(at + prefix.length, end).toString()
    marks.push({ ...(JSON.parse(json) as Mark), at, end: end + 1 })
    const next = text.indexOf(`\n${prefix}`, at)
    at = next < 0 ? -1 : next + 1
  }
  return { nonce, marks }
}

export function run(steps: Step[], flags: string[] = []): Promise<Log> {
  const args = ['--region', uniqueRegion(), '--interval', '5ms', ...flags, '--steps', stepsFile(steps)]
  return new Promise((resolve, reject) => {
    const child = spawn(guardPath(), args, {
      env: { PATH: process.env['PATH'] ?? '', ...marked },
      timeout: 60_000,
      killSignal: 'SIGKILL',
    })
    const chunks: Buffer[] = []
    let stderr = ''
    child.stdout.on('data', (chunk) => chunks.push(chunk))
    child.stderr.on('data', (chunk) => (stderr += chunk))
    child.stdin.end()
    child.on('error', reject)
    child.on('close', (code) => {
      const bytes = Buffer.concat(chunks)
      resolve({ code, stderr, bytes, ...read(bytes) })
    })
  })
}

/** What the log has between a step's begin and its end. */
export function between({ bytes, marks }: Log, step: number): Buffer {
  const begin = marks.find((mark) => mark.mark === 'begin' && mark.step === step)
  const end = marks.find((mark) => mark.mark === 'end' && mark.step === step)
  return bytes.subarray(begin?.end, end?.at)
}

/** `begin 1`, `end 1 exited 0`, … */
export const told = (marks: Mark[]) =>
  marks.map(({ mark, step, outcome, exit }) =>
    [mark, step, outcome, exit].filter((word) => word !== undefined).join(' '),
  )

/** A guard with steps that talk with the test: `told` holds the marks so far. */
export function start(steps: Step[], flags: string[] = []): { region: string; program: Program } {
  const region = uniqueRegion()
  const program = startGuard(['--region', region, '--interval', '5ms', ...flags, '--steps', stepsFile(steps)], marked)
  return { region, program }
}

export const marksOf = (program: Program) => read(Buffer.from(`${program.lines.join('\n')}\n`)).marks

export const textOf = (path: string) => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
export const recordOf = (path: string) => JSON.parse(textOf(path).trimEnd().split('\n').at(-1) ?? '')
