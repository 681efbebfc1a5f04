import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { guardPath } from 'shm-liveness'
import { probe } from './probe.js'
import { Program } from './program.js'
import { python } from './python.js'
import { uniqueRegion } from './region.js'
import { checks, wordOf } from './scene.js'
import { untilHolds } from './until.js'

const fixture = join(import.meta.dirname, '../fixtures/guard_service.py')
/** No watchdog time that a test could exceed. */
export const never = ['--max-age', '1h']

export interface Sent {
  /** null: without a barrier */
  heard: boolean | null
}

export interface Raw {
  fds?: number
  times?: number
  barrier?: boolean
}

/** A process that sends to a notification socket what a test asks for: the guard's command, or a stranger. */
export class Sender {
  constructor(readonly program: Program) {}

  /** Starts the fixture; in front of it a command such as a guard. */
  static async start(wrapper: string[], env: Record<string, string> = {}): Promise<Sender> {
    const [command = '', ...args] = [...wrapper, ...python, fixture]
    const sender = new Sender(Program.run(command, args, env))
    await sender.program.said('')
    return sender
  }

  async ask<Answer>(request: object): Promise<Answer> {
    this.program.tell(JSON.stringify(request))
    return JSON.parse(await this.program.said('')) as Answer
  }

  /** As `ask`, without waiting for the answer. */
  tell(request: object): void {
    this.program.tell(JSON.stringify(request))
  }

  /** Sends one datagram, and waits until the guard has read it. */
  say = (text: string | Buffer, raw: Raw = {}): Promise<Sent> => this.ask(datagram(text, raw))

  async socket(): Promise<string> {
    const { env } = await this.ask<{ env: Record<string, string> }>({ env: true })
    return env['NOTIFY_SOCKET'] as string
  }

  /** A process that knows the guard's socket, but is not its descendant. In front of it a command such as `nsenter`. */
  async stranger(wrapper: string[] = []): Promise<Sender> {
    return Sender.start(wrapper, { NOTIFY_SOCKET: await this.socket() })
  }
}

/** The request that sends `text`. */
export function datagram(text: string | Buffer, raw: Raw = {}): object {
  return { bytes: Buffer.from(text).toString('base64'), ...raw }
}

export interface Service extends Sender {
  region: string
}

/** A guard whose command is the fixture. `wrapper` is in front of the guard, `inner` in front of the fixture. */
export async function service(flags = never, wrapper: string[] = [], inner: string[] = []): Promise<Service> {
  const region = uniqueRegion()
  const sender = await Sender.start([...wrapper, guardPath(), '--region', region, '--notify', ...flags, '--', ...inner])
  return Object.assign(sender, { region })
}

/** The verdicts of startup, liveness and readiness. */
export async function answers(region: string): Promise<string> {
  const all = await Promise.all(checks.map((check) => probe(['--region', region, '--check', check])))
  return all.map(wordOf).join(' ')
}

/** The lines in which a guard refuses a notification, once there are some. */
export function refusals({ program }: Sender, atLeast = 1): Promise<string[]> {
  return untilHolds(
    'the guard has refused a notification',
    () => program.stderr.split('\n').filter((line) => line.includes('refused: ')),
    (lines) => lines.length >= atLeast,
  )
}

/** `ago` of a stall's line, in milliseconds. */
export function ageMs(stderr: string): number {
  const [, number, unit] = /(?:last beat|no beat since its claim) (\d+(?:\.\d+)?)(ms|s) ago/.exec(stderr) ?? []
  return Number(number) * (unit === 's' ? 1_000 : 1)
}

/** How many descriptors a process has open, but for those of /proc, which a guard opens to look at its descendants. */
export function countOpen(pid: number): number {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).filter((fd) => {
    try {
      return !readlinkSync(join(folder, fd)).startsWith('/proc')
    } catch {
      return false // closed meanwhile
    }
  }).length
}
