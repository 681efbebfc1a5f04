import { setTimeout as sleep } from 'node:timers/promises'
import { Command, InvalidArgumentError, Option } from 'commander'
import { Heartbeat } from 'shm-liveness'
import { type Host, processHost } from '../../../kata-build-runner/cli/host.js'
import { durationMs } from '../../../kata-build-runner/config/durations.js'
import { RunnerError } from '../../../kata-build-runner/model/runner-error.js'
import { LocalRegistry } from '../../registry/local/local-registry.js'

interface RegistryFlags {
  storage: string
  listen: { host: string; port: number }
  program: string
  collectEvery: number
  pushWindow: number
}

/** A collection that was put off is tried again much sooner than the next one is due. */
const retryMs = 600_000
const beatMs = 1000
/** The registry has so long to answer; a disk of a cloud is slow now and then. */
const maxAge = '60s'

export function registryCommand(host: Host = processHost): Command {
  return new Command('registry')
    .description(
      "run distribution's registry for images of CI, and collect its garbage without harm to pushes in flight; SIGHUP collects now",
    )
    .requiredOption('--storage <directory>', 'where the images are')
    .addOption(
      new Option('--listen <host:port>', 'where it listens')
        .argParser(address)
        .default(address('0.0.0.0:5000'), '0.0.0.0:5000'),
    )
    .option('--program <path>', "distribution's registry", 'docker-registry')
    .addOption(time('--collect-every <duration>', 'how often garbage is collected', '24h'))
    .addOption(time('--push-window <duration>', "the longest time from a push's first blob to its manifest", '1h'))
    .action((flags: RegistryFlags) => serve(host, flags))
}

function time(flag: string, description: string, usual: string): Option {
  return new Option(flag, description).argParser(duration).default(duration(usual), usual)
}

/** A timer of Node.js takes no longer one. */
const mostMs = 24 * 24 * 3_600_000

function duration(text: string): number {
  const ms = durationMs(text)
  if (ms === undefined || ms <= 0 || ms > mostMs) {
    throw new InvalidArgumentError('Must be a duration with its unit, such as 90s or 10m, of at most 576h.')
  }
  return ms
}

function address(text: string): RegistryFlags['listen'] {
  const match = /^(\[[0-9a-f:.]+\]|[^:\s]+):(\d{1,5})$/i.exec(text)
  const port = Number(match?.[2])
  if (match === null || port > 65535) throw new InvalidArgumentError('Must be host:port, such as 0.0.0.0:5000.')
  return { host: (match[1] as string).replace(/^\[|\]$/g, ''), port }
}

async function serve(host: Host, flags: RegistryFlags): Promise<void> {
  const say = (text: string) => host.stderr.write(`buildkit-ci: ${text}\n`)
  const registry = await LocalRegistry.start({
    ...{ program: flags.program, storageDirectory: flags.storage, ...flags.listen, pushWindowMs: flags.pushWindow },
  })
  const stop = new AbortController()
  const unhear = host.onSignal(() => stop.abort())
  const collectNow = () => void collected(registry, say)
  process.on('SIGHUP', collectNow)
  say(`registry on port ${registry.port}, images in ${flags.storage}`)
  const running = Promise.all([
    beatWhileItAnswers(registry, stop.signal),
    collectRegularly(registry, flags, say, stop.signal),
  ])
  const broken = await Promise.race([registry.broken, running.then(() => undefined)])
  stop.abort()
  await running
  process.off('SIGHUP', collectNow)
  unhear()
  await registry.stop()
  if (broken !== undefined) {
    throw new RunnerError('CONNECTION', `the registry's process ended: ${broken}`, 'see its log above')
  }
}

async function collectRegularly(
  registry: LocalRegistry,
  { collectEvery }: RegistryFlags,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let waitMs = collectEvery
  while (await slept(waitMs, signal)) {
    const isDone = await collected(registry, say)
    waitMs = isDone ? collectEvery : Math.min(collectEvery, retryMs)
  }
}

async function collected(registry: LocalRegistry, say: (text: string) => void): Promise<boolean> {
  const outcome = await registry.collect()
  if (outcome.state === 'collected') {
    say(
      `garbage collected: ${outcome.blobs} blobs removed, ${outcome.protectedBlobs} of pushes in flight kept, pushes held for ${Math.ceil(outcome.heldMs)} ms`,
    )
    return true
  }
  say(`garbage collection ${outcome.state}: ${outcome.why}`)
  return false
}

/** Under a probe (`SHM_LIVENESS_REGION`) its life is an answer of the registry, and not that of an event loop. */
async function beatWhileItAnswers(registry: LocalRegistry, signal: AbortSignal): Promise<void> {
  const region = process.env['SHM_LIVENESS_REGION']
  const heartbeat = region === undefined ? undefined : Heartbeat.claim({ region, name: 'registry', maxAge })
  heartbeat?.ready()
  do {
    if (await registry.answers()) heartbeat?.beat()
  } while (await slept(beatMs, signal))
  heartbeat?.stop()
}

/** @returns false once the signal has come */
async function slept(ms: number, signal: AbortSignal): Promise<boolean> {
  return await sleep(ms, true, { signal }).catch(() => false)
}
