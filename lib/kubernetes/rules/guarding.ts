/** Rules on a guard and the probes of the container that it starts. */
import { directoryOf, placeOf } from './places.js'
import { isOpen, regionsOf, valuesOf } from './programs.js'
import { type Member, type Program, programsOf, type Rule } from './rule.js'

export const guardElsewhere: Rule = {
  id: 'guard-elsewhere',
  severity: 'error',
  reason:
    'The program beats in one place: if guard and probe look in two, one of them finds nothing there, and takes a program ' +
    'that is well for missing.',
  remedy:
    'Say dir and region once, in SHM_LIVENESS_DIR and SHM_LIVENESS_REGION of the container, and not by flags: guard and ' +
    'probes read both.',
  check: (pod) =>
    pod.members
      .filter(({ isGuarded }) => isGuarded)
      .flatMap((member) => {
        const programs = programsOf(member)
        const guard = programs.find(({ check }) => check === 'guard') as Program
        return programs
          .filter((program) => program !== guard && !isOfOthers(program))
          .flatMap(({ argv, path }) => {
            const message = whyApart(member, argv, guard.argv)
            return message === undefined ? [] : [{ path, container: member.name, message }]
          })
      }),
}

/** Readiness that names regions by its own argv may read those that the container depends on. */
function isOfOthers({ check, argv }: Program): boolean {
  return check === 'readiness' && valuesOf(argv, 'region').length > 0
}

function whyApart({ container }: Member, probe: string[], guard: string[]): string | undefined {
  const isHidden = [probe, guard].some((argv) => isOpen(container, argv, 'dir'))
  const [asked, watched] = [directoryOf(container, probe), directoryOf(container, guard)]
  if (!isHidden && placeOf(container, asked) !== placeOf(container, watched)) {
    return `it looks in ${asked}, the guard in ${watched}`
  }
  const [names, others] = [regionsOf(container, probe), regionsOf(container, guard)]
  if (names === undefined || others === undefined || names.some((name) => others.includes(name))) return undefined
  return `it looks at region "${names.join(',')}", the guard at "${others.join(',')}"`
}
