import { isKnownToRunner } from '../config/annotations.js'
import type { BuildFile } from '../config/build-file.js'
import type { Executor } from '../config/executor-config.js'
import { hasWildcard, isListed } from '../config/wildcard.js'
import { RunnerError } from '../model/runner-error.js'

/** How an attempt's own Secret is called (`launch/names.ts`); attempts are up to 10. */
const ofAnAttempt = /-([1-9]|10)$/

/**
 * Whoever writes a build is not whoever runs the cluster: what reaches beyond the build itself must be in the executor's
 * lists.
 *
 * @throws RunnerError `BUILD_INVALID`, with all that it asks for and may not have
 */
export function expectPermitted(build: BuildFile, executor: Executor): void {
  const problems = [
    ...runtimeClassProblems(build, executor),
    ...secretProblems(build, executor),
    ...annotationProblems(build, executor),
  ]
  if (problems.length === 0) return
  const keys = new Set(problems.map(({ key }) => `kubernetes.${key}`))
  throw new RunnerError(
    'BUILD_INVALID',
    problems.map(({ what }) => `build ${build.id}: ${what}`).join('\n'),
    `leave it out of the build, or let whoever runs the cluster list it in ${[...keys].join(', ')} of executor ${executor.name}`,
  )
}

interface Problem {
  what: string
  /** Of the executor's, that would permit it. */
  key: 'runtimeClasses' | 'secrets' | 'allowedAnnotations'
}

/** A privileged container is contained by the class that its executor was made for; under another it may be the node's root. */
function runtimeClassProblems({ runtimeClass }: BuildFile, { name, kubernetes }: Executor): Problem[] {
  const { runtimeClass: own, runtimeClasses } = kubernetes
  if (runtimeClass === undefined || runtimeClass === own || runtimeClasses.includes(runtimeClass)) return []
  const others = [...new Set([...(own === undefined ? [] : [own]), ...runtimeClasses])]
  const what = `its runtimeClass "${runtimeClass}" is none that executor ${name} lets builds choose (${others.join(', ') || 'none'})`
  return [{ what, key: 'runtimeClasses' }]
}

/** The namespace is shared: its Secrets are other builds', too. */
function secretProblems({ environment }: BuildFile, { name, kubernetes }: Executor): Problem[] {
  const { secrets } = kubernetes
  return Object.entries(environment).flatMap(([variable, value]): Problem[] => {
    if (typeof value === 'string') return []
    const { secret } = value
    const isAttempts = ofAnAttempt.test(secret)
    // The operator's own word for a name goes: no build can have a Secret of the name while that one is there.
    if (isListed(secret, isAttempts ? secrets.filter((entry) => !hasWildcard(entry)) : secrets)) return []
    const why = isAttempts && isListed(secret, secrets) ? ' by its whole name, and it may be that of another build' : ''
    return [
      {
        what: `environment.${variable} reads Secret "${secret}", which executor ${name} does not list${why}`,
        key: 'secrets',
      },
    ]
  })
}

/** Who else in the cluster reads annotations, and what it gives for them, nobody can know in advance. */
function annotationProblems({ annotations }: BuildFile, { name, kubernetes }: Executor): Problem[] {
  const others = Object.keys(annotations).filter((key) => !isKnownToRunner(key))
  return others
    .filter((key) => !isListed(key, kubernetes.allowedAnnotations))
    .map((key) => ({
      what: `its annotation "${key}" is none that executor ${name} lets builds set`,
      key: 'allowedAnnotations',
    }))
}
