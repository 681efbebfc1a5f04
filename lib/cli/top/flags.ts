/** The flags that every `top` has, and what they choose. */
import { type Command, InvalidArgumentError } from 'commander'
import { parseDuration, unitHint } from '../../duration.js'
import { oneOf } from '../commands/settings.js'
import type { Session } from '../session.js'
import { live } from './live.js'
import type { Look, Source } from './look.js'
import { type SortKey, sortKeys } from './order.js'
import { screenOf } from './screen.js'
import { jsonText, settled, stream, tableText } from './streamed.js'

export interface TopFlags {
  /** Milliseconds. */
  interval: number
  sort: SortKey
  once?: true
  json?: true
}

const shortestMs = 100

export function withTopFlags(command: Command, usualInterval: string): Command {
  return command
    .option(
      '--interval <dur>',
      `time between two looks (default: ${usualInterval})`,
      durationMs(shortestMs),
      durationMs(shortestMs)(usualInterval),
    )
    .option('--sort <key>', `${sortKeys.join(', ')} (default: state)`, oneOf(...sortKeys), 'state')
    .option('--once', 'print one table and exit; two looks are taken, for the rates. As without a terminal')
    .option('--json', 'a line of JSON for each look; with --once: one line')
}

/** Reads a duration of at least so many milliseconds. */
export function durationMs(leastMs: number): (text: string) => number {
  return (text) => {
    const ms = (parseDuration(text) ?? 0) / 1e6
    if (ms >= leastMs) return ms
    const hint = unitHint(text)
    throw new InvalidArgumentError(
      hint === undefined ? `Write a duration of at least ${leastMs}ms, for example 2s.` : `Write a unit: ${hint}.`,
    )
  }
}

/**
 * @returns the last look of `--once`; undefined, if somebody ended it
 * @throws what a look throws
 */
export async function runTop(
  source: Source,
  { streams }: Session,
  { interval: intervalMs, sort, once, json }: TopFlags,
): Promise<Look | undefined> {
  const screen = once || json ? undefined : screenOf(streams)
  if (screen !== undefined) {
    endBy(await live(source, screen, intervalMs, sort))
    return undefined
  }
  if (json && !once) return stream(source, streams, intervalMs, sort)
  const look = await settled(source, intervalMs)
  streams.stdout.write((json ? jsonText : tableText)(source, look, sort))
  return look
}

/** Ctrl-C is how a table is left. By any other signal the process ends as if it had no handler. */
function endBy(signal: NodeJS.Signals | undefined): void {
  if (signal !== undefined && signal !== 'SIGINT') process.kill(process.pid, signal)
}
