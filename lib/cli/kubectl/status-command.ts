import { Command } from 'commander'
import { exitCodes } from '../exit-codes.js'
import { withHelp } from '../help.js'
import type { Session } from '../session.js'
import { workerTable } from '../workers/table.js'
import { type Asked, askPods } from './asking.js'
import { type AskingFlags, kubectlOf, namespaceWords, setStatus, withAskingFlags } from './flags.js'
import { podsOf } from './pods.js'

interface Flags extends AskingFlags {
  json?: true
}

export function statusCommand(session: Session): Command {
  const { streams } = session
  const command = new Command('status')
    .description('the verdict and the workers of pods')
    .argument('<pods...>', 'their names')
    .option('--json', 'as JSON')
    .action(async (pods: string[], flags: Flags) => {
      const names = [...new Set(pods.map((name) => name.replace(/^(pods?|po)\//, '')))]
      const kubectl = kubectlOf(flags)
      const found = await podsOf(kubectl, ['--ignore-not-found', ...namespaceWords(flags), ...names])
      const asked = await askPods(kubectl, found, flags.concurrency)
      const missing = names.filter((name) => !found.some((pod) => pod.name === name))
      streams.stdout.write(flags.json ? jsonOf(asked, missing) : textOf(asked, missing))
      setStatus(session, asked)
      if (missing.length > 0 && session.status === exitCodes.ok) session.status = exitCodes.unreadable
    })
  return withHelp(withAskingFlags(command), {
    exits: {
      ok: 'all checks pass',
      found: 'the check of a container fails',
      unreadable: 'no check fails, but a pod cannot be asked, or kubectl cannot be run',
    },
    examples: [
      ['kubectl liveness status camera-0', 'the workers of a pod'],
      ['kubectl liveness status camera-0 camera-1 -n vision --json', 'of two, as JSON'],
    ],
  })
}

const notFound = 'not found'

function textOf(asked: readonly Asked[], missing: readonly string[]): string {
  const parts = asked.map(({ pod, container, answer }) => {
    const place = container === undefined ? pod.name : `${pod.name}/${container}`
    return typeof answer === 'string' ? `${place}: ${answer}\n` : `${place}: ${answer.line}\n${tableOf(answer.workers)}`
  })
  return [...parts, ...missing.map((name) => `${name}: ${notFound}\n`)].join('\n')
}

function tableOf(workers: Parameters<typeof workerTable>[0]): string {
  return workers.length === 0 ? '' : workerTable(workers)
}

function jsonOf(asked: readonly Asked[], missing: readonly string[]): string {
  const answers = asked.map(({ pod: { namespace, name }, container, answer }) => ({
    ...{ namespace, pod: name, container: container ?? null },
    ...(typeof answer === 'string' ? { unreadable: answer } : answer),
  }))
  return `${JSON.stringify([...answers, ...missing.map((pod) => ({ pod, unreadable: notFound }))], null, 2)}\n`
}
