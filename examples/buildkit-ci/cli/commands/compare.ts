import { spawn } from 'node:child_process'
import { Command, InvalidArgumentError } from 'commander'
import { buildArguments } from '../../agent/build-arguments.js'
import { compareTable, type Measured } from '../../agent/compare.js'
import { runBuild } from '../../agent/run-build.js'
import { CiError } from '../../model/ci-error.js'
import { type BudgetFlags, budgetsOf, withBudgetFlags } from '../budget-flags.js'
import { type BuildxFlag, buildxOf, withBuildxFlag } from '../buildx-flag.js'
import { type ImageFlags, imageBuildOf, withImageFlags } from '../image-flags.js'
import { say } from '../say.js'
import { untilStopped } from '../until-stopped.js'

interface CompareFlags extends ImageFlags, BudgetFlags, BuildxFlag {
  repeat: number
  before?: string
  beforeCached?: string
  showOutput?: true
}

const lookMaxAgeMs = 30_000

export function compareCommand(): Command {
  return withBuildxFlag(withBudgetFlags(withImageFlags(new Command('compare')), 'nothing; it is only told'))
    .description('time the build of an image, not cached and cached, beside the build that was there before')
    .option('--repeat <n>', 'builds of each kind, by turns', positive, 3)
    .option('--before <line>', 'a shell line that builds the image as before, without cache')
    .option('--before-cached <line>', 'the same with its cache')
    .option('--show-output', 'the output of all builds, on standard error')
    .action(compare)
}

function positive(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('Must be a positive integer.')
  return Number(text)
}

async function compare(context: string, flags: CompareFlags): Promise<void> {
  const buildx = await buildxOf(flags)
  const args = buildArguments(imageBuildOf(context, flags))
  const measured: Measured[] = []
  await untilStopped(async (signal) => {
    const time = async (way: string, isCached: boolean, run: () => Promise<number | null>) => {
      if (signal.aborted) return
      const began = performance.now()
      const code = await run()
      const seconds = (performance.now() - began) / 1000
      if (signal.aborted) return
      const what = `${way}, ${isCached ? 'cached' : 'not cached'}`
      if (code !== 0) {
        throw new CiError('TOOL', `the build failed (${what}): exit status ${code}`, 'run it with --show-output')
      }
      say(`${what}: ${seconds.toFixed(1)} s`)
      measured.push({ way, isCached, seconds })
    }
    const after = (more: string[]) => async () => {
      const all = [...args.slice(0, -1), ...more, ...args.slice(-1)]
      const show = (line: string) => flags.showOutput && process.stderr.write(`${line}\n`)
      const budgets = budgetsOf('build', flags)
      const own = { heartbeat: undefined, ownMaxAgeMs: lookMaxAgeMs, show, say, signal }
      return (await runBuild({ buildx, args: all, budgets, ...own })).code
    }
    const before = (line: string) => () => shell(line, flags.showOutput === true, signal)
    // By turns, so that a slow hour of the machine belongs to no way alone. A build without cache leaves one for the next.
    for (let turn = 0; turn < flags.repeat; turn++) {
      if (flags.before !== undefined) await time('before', false, before(flags.before))
      if (flags.beforeCached !== undefined) await time('before', true, before(flags.beforeCached))
      await time('after', false, after(['--no-cache']))
      await time('after', true, after([]))
    }
  })
  process.stdout.write(compareTable(measured))
}

async function shell(line: string, isShown: boolean, signal: AbortSignal): Promise<number | null> {
  const output = isShown ? process.stderr : 'ignore'
  const child = spawn('sh', ['-c', line], { stdio: ['ignore', output, output] })
  const onAbort = () => child.kill('SIGTERM')
  signal.addEventListener('abort', onAbort)
  try {
    return await new Promise((resolve) => child.on('close', resolve))
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
