import { Command } from 'commander'
import { withHelp } from '../help.js'
import type { Session } from '../session.js'
import { runTop, type TopFlags, withTopFlags } from '../top/flags.js'
import type { Look, Source } from '../top/look.js'
import { Rates } from '../top/rates.js'
import { type Asked, askPods, notWired } from './asking.js'
import { type AskingFlags, kubectlOf, namespaceWords, setStatus, withAskingFlags } from './flags.js'
import type { Kubectl } from './kubectl.js'
import { podsOf } from './pods.js'

interface Flags extends AskingFlags, TopFlags {
  selector?: string
  fieldSelector?: string
  allNamespaces?: true
}

export function topCommand(session: Session): Command {
  const command = new Command('top')
    .description('the workers of many pods, again and again; each look is one exec a pod')
    .option('-l, --selector <labels>', 'pods with these labels (default: all)')
    .option('--field-selector <fields>', 'pods with these fields, such as spec.nodeName=node-1')
    .option('-A, --all-namespaces', 'pods of all namespaces')
    .action(async (flags: Flags) => {
      const source = new PodSource(kubectlOf(flags), flags)
      const look = await runTop(source, session, flags)
      if (look !== undefined) setStatus(session, source.asked)
    })
  return withHelp(withAskingFlags(withTopFlags(command, '5s')), {
    exits: {
      ok: 'done; with --once: all checks pass',
      found: 'with --once: the check of a container fails',
      unreadable: 'kubectl cannot be run, or refuses; with --once: no check fails, but a pod cannot be asked',
    },
    examples: [
      ['kubectl liveness top -l app=camera', 'the workers of these pods; q quits'],
      ['kubectl liveness top -A --sort used --once', 'one table of the whole cluster'],
    ],
  })
}

class PodSource implements Source {
  readonly title: string
  readonly placeHeading = 'POD'
  /** Of the latest look, pods that are not wired left out. */
  asked: Asked[] = []
  readonly #rates = new Rates()
  readonly #words: string[]

  constructor(
    private readonly kubectl: Kubectl,
    private readonly flags: Flags,
  ) {
    this.#words = [
      ...(flags.allNamespaces ? ['-A'] : namespaceWords(flags)),
      ...(flags.selector === undefined ? [] : ['-l', flags.selector]),
      ...(flags.fieldSelector === undefined ? [] : ['--field-selector', flags.fieldSelector]),
    ]
    this.title = ['kubectl liveness top', ...this.#words].join(' ')
  }

  async look(): Promise<Look> {
    const all = await askPods(this.kubectl, await podsOf(this.kubectl, this.#words), this.flags.concurrency)
    this.asked = all.filter(({ answer }) => answer !== notWired)
    const found = this.asked.flatMap((asked) =>
      typeof asked.answer === 'string'
        ? []
        : asked.answer.workers.map((worker) => ({ place: this.#placeOf(asked), worker, atMs: asked.atMs })),
    )
    const unreadable = this.asked.flatMap((asked) =>
      typeof asked.answer === 'string' ? [{ place: this.#placeOf(asked), reason: asked.answer }] : [],
    )
    const others = all.length - this.asked.length
    return {
      workers: this.#rates.rows(found),
      unreadable,
      leftOut: others === 0 ? [] : [`${others} left out: not wired`],
    }
  }

  #placeOf({ pod }: Asked): string {
    return this.flags.allNamespaces ? `${pod.namespace}/${pod.name}` : pod.name
  }
}
