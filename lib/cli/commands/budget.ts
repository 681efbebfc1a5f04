import { Command } from 'commander'
import {
  type BudgetOptions,
  type BudgetRow,
  detectionBudget,
  type Reaction,
  type ReadinessProbeSettings,
  type RestartingProbeSettings,
  settingsWithin,
  type Within,
} from '../../kubernetes/index.js'
import { CommandError, exitCodes } from '../exit-codes.js'
import { withHelp } from '../help.js'
import { saySeconds, table } from '../output.js'
import type { Session } from '../session.js'
import { oneOf, probeSettings, wholeNumber } from './settings.js'

interface Flags {
  maxAge: string
  cycle?: string
  confirm?: string
  via?: 'exec' | 'httpGet'
  liveness?: RestartingProbeSettings
  readiness?: ReadinessProbeSettings
  guard?: true
  restart?: true
  grace?: string
  terminationGracePeriod?: number
  restarts?: number
  ran?: string
  within?: string
  reaction?: Reaction
  json?: true
}

export function budgetCommand(session: Session): Command {
  const command = new Command('budget')
    .description('how long a stall goes unanswered; or, with --within, the settings for a wanted time')
    .requiredOption('--max-age <dur>', "the worker's max age")
    .option(
      '--cycle <dur>',
      "how long the worker's cycles usually take at most; refused if a probe would be too quick for them",
    )
    .option('--confirm <dur>', 'how long one new beat is waited for (default: by max age, 50ms to 300ms, and --cycle)')
    .option('--via <how>', 'exec or httpGet (default: exec)', oneOf('exec', 'httpGet'))
    .option('--liveness <settings>', 'such as periodSeconds=1,failureThreshold=2', probeSettings)
    .option('--readiness <settings>', 'such as periodSeconds=1,failureThreshold=2', probeSettings)
    .option('--guard', 'shm-guard is the entrypoint')
    .option('--restart', 'and restarts in place')
    .option('--grace <dur>', "the guard's --grace (default: 5s)")
    .option(
      '--termination-grace-period <s>',
      "the pod's, if the probe has none of its own (default: the probe's, 5)",
      wholeNumber,
    )
    .option(
      '--restarts <n>',
      'restarts shortly before; a container that exits by itself waits for the back-off, one that the kubelet kills ' +
        'only if it lived shorter than the back-off (default: 0)',
      wholeNumber,
    )
    .option(
      '--ran <dur>',
      'how long the container ran before the stall (default: longer than the back-off; at worst not at all)',
    )
    .option('--within <dur>', 'the time wanted, at worst; exit 1 if the kubelet cannot')
    .option(
      '--reaction <what>',
      'to which: signal, restart or removal (default: signal)',
      oneOf('signal', 'restart', 'removal'),
    )
    .option('--json', 'as JSON')
    .action((flags: Flags) => {
      requireUse(flags)
      if (flags.within !== undefined) printWithin(session, flags, flags.within)
      else printBudget(session, flags)
    })
  return withHelp(command, {
    exits: { ok: 'done', found: 'with --within: not by the kubelet', unreadable: 'the output cannot be written' },
    examples: [
      ['shm-liveness budget --max-age 250ms --guard --restart', 'how long a stall goes unanswered'],
      ['shm-liveness budget --max-age 250ms --within 10s', 'the gentlest settings for a wanted time'],
    ],
  })
}

/** Flags of what --within is to find out, or goes without. */
const answers = {
  liveness: '--liveness',
  readiness: '--readiness',
  guard: '--guard',
  restart: '--restart',
  grace: '--grace',
  terminationGracePeriod: '--termination-grace-period',
} as const satisfies Partial<Record<keyof Flags, string>>

/** A flag without effect would let its user believe that the answer is for it. */
function requireUse(flags: Flags): void {
  const names = Object.keys(answers) as (keyof typeof answers)[]
  const idle = names.find((name) => flags[name] !== undefined)
  if (flags.within !== undefined && idle !== undefined) {
    throw new CommandError(
      exitCodes.usage,
      `${answers[idle]} has no effect beside --within, which finds the settings; leave out one of them`,
    )
  }
  if (flags.within === undefined && flags.reaction !== undefined) {
    throw new CommandError(exitCodes.usage, '--reaction is for --within, the time wanted; give that, too')
  }
}

function limitsOf({
  maxAge,
  cycle,
  confirm,
  via,
  restarts,
  ran,
}: Flags): Pick<BudgetOptions, 'maxAge' | 'cycle' | 'confirm' | 'via' | 'restarts' | 'ran'> {
  return { maxAge, cycle, confirm, via, restarts, ran }
}

function printBudget({ streams }: Session, flags: Flags): void {
  const isGuarded = flags.guard || flags.restart || flags.grace !== undefined
  const rows = detectionBudget({
    ...limitsOf(flags),
    terminationGracePeriodSeconds: flags.terminationGracePeriod,
    liveness: flags.liveness,
    readiness: flags.readiness,
    guard: isGuarded ? { restart: flags.restart, grace: flags.grace } : undefined,
  })
  streams.stdout.write(flags.json ? `${JSON.stringify(rows, null, 2)}\n` : budgetTable(rows))
}

const reactions = { signal: 'the program is signalled', restart: 'it runs again', removal: 'the pod is out of service' }

/** A worst case that is rounded down is none. */
function sayWorst(seconds: number): string {
  return saySeconds(seconds, { up: true })
}

function budgetTable(rows: BudgetRow[]): string {
  const said = rows.map(({ reaction, by, typicalSeconds, worstSeconds }) => [
    reactions[reaction],
    by,
    saySeconds(typicalSeconds),
    sayWorst(worstSeconds),
  ])
  return table([['after the last beat', 'by', 'typical', 'worst'], ...said])
}

function printWithin(session: Session, flags: Flags, within: string): void {
  const answer = settingsWithin({ ...limitsOf(flags), within, reaction: flags.reaction })
  session.streams.stdout.write(flags.json ? `${JSON.stringify(answer, null, 2)}\n` : sayWithin(answer, within))
  if (answer.by !== 'kubelet') session.status = exitCodes.found
}

function sayWithin(answer: Within, within: string): string {
  if (answer.by === 'nothing') return `Nothing answers within ${within}: ${answer.reason}.\n`
  if (answer.by === 'guard') {
    return `Only the guard answers within ${within} (at worst ${sayWorst(answer.worstSeconds)}): ${answer.reason}.\n`
  }
  const settings = Object.entries(answer.settings).map(([name, value]) => `  ${name}: ${value}\n`)
  return `${answer.probe}Probe:  # at worst ${sayWorst(answer.worstSeconds)}\n${settings.join('')}`
}
