/** The flags of all commands of the plug-in. */
import { type Command, InvalidArgumentError } from 'commander'
import { wholeNumber } from '../commands/settings.js'
import { exitCodes } from '../exit-codes.js'
import type { Session } from '../session.js'
import { durationMs } from '../top/flags.js'
import type { Asked } from './asking.js'
import { type ConnectionFlags, connectionWords, withConnectionFlags } from './connection.js'
import { Kubectl } from './kubectl.js'

export interface AskingFlags extends ConnectionFlags {
  concurrency: number
  /** Milliseconds. */
  timeout: number
}

export function withAskingFlags(command: Command): Command {
  command
    .option('--concurrency <n>', 'how many pods are asked at once (default: 8)', atLeastOne, 8)
    .option('--timeout <dur>', 'how long one call of kubectl may take (default: 15s)', durationMs(100), 15_000)
  return withConnectionFlags(command)
}

function atLeastOne(text: string): number {
  const number = wholeNumber(text)
  if (number < 1) throw new InvalidArgumentError('Write a whole number of at least 1.')
  return number
}

export function kubectlOf(flags: AskingFlags): Kubectl {
  return new Kubectl(connectionWords(flags), flags.timeout)
}

export function namespaceWords({ namespace }: ConnectionFlags): string[] {
  return namespace === undefined ? [] : ['-n', namespace]
}

/** What is known to be bad counts more than what is not known. */
export function setStatus(session: Session, asked: readonly Asked[]): void {
  const isUnhealthy = asked.some(({ answer }) => typeof answer !== 'string' && !answer.healthy)
  const isUnread = asked.some(({ answer }) => typeof answer === 'string')
  session.status = isUnhealthy ? exitCodes.found : isUnread ? exitCodes.unreadable : exitCodes.ok
}
