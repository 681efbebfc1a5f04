/** The builds of the tests, and the executor that they go to: plain functions of settings. */
import type { Settings } from './settings.js'

/** What a build file says. */
export interface Build {
  id: string
  [key: string]: unknown
}

/**
 * The runner's config, as text. Small, so that many builds fit on a small node: the installer's 100m of CPU are most of
 * what a pod asks for.
 */
export function executorConfig(settings: Settings, namespace: string): string {
  const { runtimeClass, patience } = settings
  const minutes = (count: number): string => `${count * patience}m`
  const kubernetes = {
    jobsNamespace: namespace,
    ...(runtimeClass === undefined ? {} : { runtimeClass }),
    runtimeClasses: [missingClass],
    resources: {
      cpu: { micro: 0.05, low: 0.2 },
      memory: { micro: 0.0625, low: 0.125 },
      disk: { micro: 0.0625, low: 0.0625 },
    },
    // An image that is to be missing is missing at once, in a virtual machine as well.
    stageTimeouts: { created: minutes(2), queued: minutes(10), pulling: '1m', init: minutes(2), starting: minutes(2) },
    // What fails is to be seen, and not to be made good by another attempt.
    launchAttempts: 1,
    terminationGracePeriod: '10s',
  }
  return JSON.stringify({ executor: { cluster: { options: { kubernetes, ...launchImageOf(settings) } } } }, null, 2)
}

function launchImageOf({ image }: Settings): { launchImage: string; launchVersion: string } {
  const [, launchImage, launchVersion] = /^([^@]+):([^:/@]+)$/.exec(image) ?? []
  if (launchImage === undefined || launchVersion === undefined) {
    throw new Error(
      `SHM_LIVENESS_IMAGE=${image}: the runner takes an image by its tag, such as localhost/shm-liveness:0.1.0`,
    )
  }
  return { launchImage, launchVersion }
}

/** Three steps; the second is the sample worker, which does what its script says. */
function buildOf(settings: Settings, id: string, script: string, fields: object = {}, worker: object = {}): Build {
  const { workerImage, maxAge } = settings
  return {
    id,
    image: workerImage,
    tier: 'low',
    steps: [
      { name: 'prepare', argv: ['/shm-liveness/shm-probe', '--self-test'] },
      { name: 'work', argv: ['/sample-worker'], ...worker },
      { name: 'publish', argv: ['/shm-liveness/shm-probe', '--version'] },
    ],
    environment: { SAMPLE_WORKER_SCRIPT: script, SAMPLE_WORKER_MAX_AGE: maxAge },
    ...fields,
  }
}

export const green = (settings: Settings): Build => buildOf(settings, 'green', 'ready,beat:2s,stop:0')

export const failing = (settings: Settings): Build => buildOf(settings, 'failing', 'ready,beat:1s,stop:7')

/** Before its first beat the sample worker only sleeps: no output, no CPU, no I/O. */
export const silent = (settings: Settings): Build =>
  buildOf(settings, 'silent', 'wait:1h,stop:0', {}, { silenceBudget: `${5 * settings.patience}s` })

/** Its own heartbeat tells, long before the silence does. */
export const stalling = (settings: Settings): Build =>
  buildOf(settings, 'stalling', 'ready,beat:2s,stall', {}, { silenceBudget: '1h' })

export const missingImage = 'localhost/shm-liveness-no-such-image:0.0.0'
export const withoutImage = (settings: Settings): Build =>
  buildOf(settings, 'without-image', 'ready', { image: missingImage })

export const missingClass = 'shm-liveness-no-such-class'
export const withoutClass = (settings: Settings): Build =>
  buildOf(settings, 'without-class', 'ready', { runtimeClass: missingClass })

const asLongAsItMay = { silenceBudget: '24h' }

/** A virtual machine is made within the deadline, too. */
export const pastDeadline = (settings: Settings): Build =>
  buildOf(settings, 'past-deadline', 'wait:1h,stop:0', { timeout: settings.patience > 1 ? 4 : 1 }, asLongAsItMay)

export const endless = (settings: Settings, id: string): Build =>
  buildOf(settings, id, 'wait:1h,stop:0', {}, asLongAsItMay)

/** Long enough for its runner to be killed meanwhile. */
export const outlives = (settings: Settings): Build =>
  buildOf(settings, 'outlives', `ready,beat:${15 * settings.patience}s,stop:0`)

export const oneOfMany = (settings: Settings, number: number): Build =>
  buildOf(settings, `many-${number}`, 'wait:3s,ready,stop:0', { tier: 'micro' })

export const compared = (settings: Settings): Build => buildOf(settings, 'compared', 'ready,beat:2s,stop:0')
