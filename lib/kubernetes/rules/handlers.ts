/** Rules on what a probe asks. */
import { baseName, fieldOf, isFields, isSame } from '../shape.js'
import type { Probe } from '../types.js'
import { portNumber } from './ports.js'
import { argvOf, isShell, regionsOf, scriptOf, told } from './programs.js'
import { isOurs, type Member, probeOf, probePath, probesOf, type Rule, timingOf } from './rule.js'

/** What shm-probe goes by in its answer; the rest is how it says it. */
const asked = ['expect', 'min', 'max-age', 'startup-grace', 'dead-grace', 'cycle-window', 'dir']

/** What a probe asks, however it is written: two probes of a container with the same question have the same answer. */
function questionOf({ container }: Member, probe: Probe): object {
  if (isOurs(probe)) {
    const argv = argvOf(probe)
    const check = told(container, argv, 'check') ?? 'liveness'
    const options = asked.map((name) => [name, told(container, argv, name)])
    return { check, regions: regionsOf(container, argv), ...Object.fromEntries(options) }
  }
  const { exec, httpGet, tcpSocket, grpc } = probe
  if (isFields(httpGet)) {
    const { path, host, port } = httpGet
    const scheme = fieldOf(httpGet, 'scheme') ?? 'HTTP'
    return { path: path || '/', host: host || '', scheme, port: portNumber(container, port) ?? port }
  }
  if (isFields(tcpSocket)) return { tcp: portNumber(container, tcpSocket.port) ?? tcpSocket.port }
  return { exec: exec ?? undefined, grpc: grpc ?? undefined }
}

/** With so many times the patience of readiness, liveness asks another question: not whether, but for how long. */
const patience = 2

export const identicalProbes: Rule = {
  id: 'identical-probes',
  severity: 'warning',
  reason: 'Liveness and readiness are two questions; if both ask the same, a pod that is only busy is restarted.',
  remedy:
    'Ask readiness by --check readiness (or /readyz), and let liveness ask only whether the loop comes round; or give ' +
    `liveness at least ${patience} times the periodSeconds × failureThreshold.`,
  check: (pod) =>
    probesOf(pod, 'liveness').flatMap(({ member, probe }) => {
      const readiness = probeOf(member.container, 'readiness')
      if (readiness === undefined || !isSame(questionOf(member, probe), questionOf(member, readiness))) return []
      if (timingOf(probe).reaction >= patience * timingOf(readiness).reaction) return []
      const message = 'readiness asks just what liveness asks'
      return [{ path: probePath(member, 'readiness'), container: member.name, message }]
    }),
}

const readsFiles = new Set(['cat', 'test', '[', '[[', 'find', 'stat', 'ls', 'grep', 'rm', 'touch'])

export const fileProbe: Rule = {
  id: 'file-probe',
  severity: 'warning',
  reason:
    'A file that a loop touches is I/O on every cycle, and one that exists says nothing of now; cat takes five ' +
    'times as long as shm-probe, and a scratch image has none.',
  remedy: 'Stamp beats into shared memory, and exec shm-probe.',
  check: (pod) =>
    probesOf(pod, 'startup', 'liveness', 'readiness').flatMap(({ member, probe, path }) => {
      const program = fileReaderOf(argvOf(probe))
      if (program === undefined) return []
      return [{ path, container: member.name, message: `it runs ${program}, which reads files` }]
    }),
}

/** The program, or the first of a shell's script, if it is one that looks at files. */
function fileReaderOf(argv: string[]): string | undefined {
  const [program = ''] = argv
  const first = baseName(isShell(program) ? (scriptOf(argv)?.script.trim().split(/\s/)[0] ?? '') : program)
  return readsFiles.has(first) ? first : undefined
}
