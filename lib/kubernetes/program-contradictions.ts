/** Which settings of a program exclude each other: `check_contradictions` of both programs. */
import { variableFor } from './conventions.js'
import { isKnown } from './expansion.js'

/** What is set, by flag or variable. An unknown value of a variable may also be an empty one, which sets nothing. */
export type Settings = Map<string, { value: string; byFlag: boolean }>

/** undefined: the settings fit each other. */
export function probeContradiction(settings: Settings): string | undefined {
  const outputs = ['json', 'verbose'].filter((flag) => isSet(settings, flag))
  const [flags, variables] = [true, false].map((byFlag) =>
    outputs.filter((flag) => settings.get(flag)?.byFlag === byFlag),
  )
  // A flag beats the variable of the other one, too.
  if (flags?.length === 2) return '--json excludes --verbose'
  if (variables?.length === 2) return variables.map(variableFor).join(' excludes ')
  const check = settings.get('check')?.value ?? 'liveness'
  if (!isKnown(check)) return undefined
  for (const [flag, wanted] of [
    ['cycle-window', 'readiness'],
    ['dead-grace', 'liveness'],
  ] as const) {
    // Only flags: the variables of one image serve all its probes.
    if (settings.get(flag)?.byFlag && check !== wanted) return `--${flag} needs --check ${wanted}`
  }
  return undefined
}

/**
 * @param command what follows `--`; undefined if there is none
 * @returns undefined: the settings fit each other
 */
export function guardContradiction(settings: Settings, command: readonly string[] | undefined): string | undefined {
  const is = (flag: string): boolean => isSet(settings, flag)
  const maybe = (flag: string): boolean => mayBeSet(settings, flag)
  const hasSteps = settings.has('steps')
  if (command?.length === 0) return 'no command follows --'
  if (hasSteps && command !== undefined) return '--steps excludes a command after --'
  if (!hasSteps && command === undefined) {
    if (!maybe('listen')) return 'it has neither a command after --, nor --steps, nor --listen'
    const idle = ['restart', 'build', 'notify', 'progress'].find(is)
    if (idle !== undefined) return `--${idle} needs a command after --`
  }
  if (hasSteps && is('restart')) return '--steps excludes --restart'
  if (hasSteps && is('notify')) return '--steps excludes --notify'
  if (is('notify') && is('progress')) return '--notify excludes --progress'
  const watcher = settings.get('watcher')?.value
  if (is('watcher') && watcher !== undefined) {
    if (is('min')) return '--watcher excludes --min'
    if (is('expect') && settings.get('expect')?.value.split(',').includes(watcher))
      return '--expect names the --watcher'
    const stampsAs = settings.get('name')?.value ?? 'main'
    if ((hasSteps || is('notify') || is('progress')) && stampsAs === watcher) return '--watcher has the name of --name'
  }
  const needs: [flag: string, isMet: boolean, needed: string][] = [
    ['nonce', hasSteps, '--steps'],
    ['notify-socket', maybe('notify'), '--notify'],
    ['restart-budget', maybe('restart'), '--restart'],
    ['name', hasSteps || maybe('notify') || maybe('progress'), '--notify, --progress or --steps'],
    ['watcher', hasSteps || command !== undefined, 'a command after --, or --steps'],
  ]
  // Only flags: the variables of one image serve many commands.
  const unmet = needs.find(([flag, isMet]) => settings.get(flag)?.byFlag && !isMet)
  return unmet === undefined ? undefined : `--${unmet[0]} needs ${unmet[2]}`
}

/** Whether a setting is in effect for certain. */
function isSet(settings: Settings, flag: string): boolean {
  return mayBeSet(settings, flag) && isKnown(settings.get(flag)?.value ?? '')
}

function mayBeSet(settings: Settings, flag: string): boolean {
  const setting = settings.get(flag)
  // No restarts are the default.
  return setting !== undefined && !(flag === 'restart' && /^0+$/.test(setting.value))
}
