import { readFileSync } from 'node:fs'

/** What the environment says of the cluster and the images; all but KUBECONFIG has a default. */
export interface Settings {
  /** Undefined: there is no cluster, and the tests are skipped. */
  kubeconfig: string | undefined
  /** Of the executables, and of the sample worker. They must be on the nodes: nothing is pulled. */
  image: string
  workerImage: string
  runtimeClass: string | undefined
  namespacePrefix: string
  /** How many times longer everything may take: a virtual machine starts and execs slowly, an emulated one very. */
  patience: number
  /** Of the sample worker. Longer where a machine that is not scheduled for a while would look stalled. */
  maxAge: string
  /** How long the sample worker beats before it does what a test is about: until all probes have passed. */
  beatSeconds: number
  /** Of the measurement of costs: in each round the pods are asked in each way for so many seconds. */
  costPods: number
  costRounds: number
  costSeconds: number
  /** How many builds are launched at once. */
  builds: number
  /** Two that builds are compared under; fewer: the comparison is skipped. */
  compareClasses: string[]
}

export function settingsFrom(env: Record<string, string | undefined>): Settings {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
  const runtimeClass = env['SHM_LIVENESS_RUNTIME_CLASS'] || undefined
  const isSlow = runtimeClass !== undefined
  return {
    kubeconfig: env['KUBECONFIG'] || undefined,
    image: env['SHM_LIVENESS_IMAGE'] || `localhost/shm-liveness:${version}`,
    workerImage: env['SHM_LIVENESS_WORKER_IMAGE'] || `localhost/shm-liveness-worker:${version}`,
    runtimeClass,
    namespacePrefix: env['SHM_LIVENESS_NAMESPACE_PREFIX'] || 'shm-liveness-test',
    patience: isSlow ? 6 : 1,
    maxAge: isSlow ? '2s' : '500ms',
    beatSeconds: isSlow ? 25 : 10,
    // Each is a virtual machine, so there are fewer.
    costPods: positive(env, 'SHM_LIVENESS_COST_PODS', isSlow ? 2 : 10),
    // One round tells nothing of the noise, and three are often alike by chance.
    costRounds: positive(env, 'SHM_LIVENESS_COST_ROUNDS', 5),
    costSeconds: positive(env, 'SHM_LIVENESS_COST_SECONDS', 10),
    builds: positive(env, 'SHM_LIVENESS_BUILDS', 20),
    compareClasses: namesIn(env['SHM_LIVENESS_COMPARE_RUNTIME_CLASSES'] ?? ''),
  }
}

function namesIn(list: string): string[] {
  const names = list.split(',').map((name) => name.trim())
  return [...new Set(names)].filter((name) => name !== '')
}

function positive(env: Record<string, string | undefined>, name: string, otherwise: number): number {
  const text = env[name]
  if (text === undefined || text === '') return otherwise
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`${name} is "${text}", no whole number above 0`)
  return Number(text)
}
