import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { attachCommand } from '../../examples/kata-build-runner/cli/attach.js'
import { cancelCommand } from '../../examples/kata-build-runner/cli/cancel.js'
import { compareCommand } from '../../examples/kata-build-runner/cli/compare.js'
import { gcCommand } from '../../examples/kata-build-runner/cli/gc.js'
import { preflightCommand } from '../../examples/kata-build-runner/cli/preflight.js'
import { runCommand } from '../../examples/kata-build-runner/cli/run.js'
import { readBuildFile } from '../../examples/kata-build-runner/config/build-file.js'
import { readExecutorConfig } from '../../examples/kata-build-runner/config/executor-config.js'
import { exitCodes } from '../../examples/kata-build-runner/model/exit-codes.js'
import { failureKinds } from '../../examples/kata-build-runner/model/failure.js'
import { route } from '../../examples/kata-build-runner/routing/route.js'
import { boots, ends, guardRuns, wait } from '../fakes/kube-api/index.js'
import { Desk } from './cli/desk.js'

const folder = join(import.meta.dirname, '../../examples/kata-build-runner')
const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
const readme = read('README.md')
const nodes = read('docs/nodes.md')

/** Code blocks of a language, without their fences. */
function blocksOf(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, block = '']) => block,
  )
}

function sample(title: string): string {
  const found = blocksOf(readme, 'yaml').filter((block) => block.startsWith(`# ${title}`))
  expect(found, title).toHaveLength(1)
  return found[0]!
}

function section(title: string): string {
  const [, found] = new RegExp(`^## ${title}$([\\s\\S]*?)(?=^## |$(?![\\s\\S]))`, 'm').exec(readme) ?? []
  expect(found, title).toBeDefined()
  return found!
}

/** The rows of a text's tables, each cell without its spaces; head and rule left out. */
function rowsOf(text: string): string[][] {
  const rows = text.split('\n').map((line) => (line.startsWith('|') ? line.slice(1, -1).split(/(?<!\\)\|/) : undefined))
  const isRule = (row: string[] | undefined): boolean => row?.every((cell) => /^-+$/.test(cell.trim())) ?? false
  return rows.flatMap((row, index) =>
    row === undefined || isRule(row) || isRule(rows[index + 1]) ? [] : [row.map((cell) => cell.trim())],
  )
}

describe('the samples', () => {
  it('are read by the readers of the runner', () => {
    const config = readExecutorConfig(sample('executor.yaml: where builds go'), 'executor.yaml')
    const build = readBuildFile(sample('build.yaml: what is built'), 'build.yaml')
    expect(route(build, config)).toMatchObject({ executor: { name: 'kata' }, runtimeClass: 'kata' })
  })

  it('set kernel parameters for the image that is named', () => {
    const config = readExecutorConfig(sample('executor.yaml: parameters by image'), 'executor.yaml')
    const build = readBuildFile(`${sample('build.yaml: what is built')}user: 0\n`, 'build.yaml')
    expect(route({ ...build, image: 'centos:6' }, config).kernelParameters).toEqual([
      'vsyscall=emulate',
      'init=/usr/bin/kata-agent',
    ])
    expect(route(build, config).kernelParameters).toEqual([])
  })

  it('print what the README says', async () => {
    const desk = await Desk.open()
    desk.write('executor.yaml', sample('executor.yaml: where builds go'))
    const build = desk.write('build.yaml', sample('build.yaml: what is built'))
    // Jobs and pods come by two watches, in no order: what is shown here is a pod that was seen running.
    desk.kube.scenario(/^preflight-/, [...boots({ cached: true }), wait(500), ends({ exitCode: 0 })])
    const steps = [{ tookMs: 500 }, { output: 'not ok 1 - adds\n', exit: 1 }]
    desk.kube.scenario('hello-1-1', [...boots(), guardRuns({ steps })])
    const [preflight, run] = blocksOf(readme, 'text')
    expect((await desk.call('preflight')).stdout).toBe(preflight)
    const { code, stdout, stderr } = await desk.call('run', build)
    expect([code, stdout]).toEqual([1, 'not ok 1 - adds\n'])
    const [before = '', after = ''] = run!.split('…\n')
    expect(after).not.toBe('')
    expect(stderr.slice(0, before.length)).toBe(before)
    expect(stderr.slice(-after.length)).toBe(after)
  })
})

it('starts with commands that there are', () => {
  const { scripts } = JSON.parse(readFileSync(join(folder, '../../package.json'), 'utf8'))
  const commands = [...readme.matchAll(/npm run ([\w-]+)/g)].map(([, name]) => name!)
  expect(commands).toEqual(['build-runner', 'build-runner', 'setup', 'bench', 'schemas'])
  for (const name of commands) expect(scripts).toHaveProperty(name)
})

describe('the roll-out', () => {
  const stages = rowsOf(section('Roll-out')).filter((row) => row.length === 5)
  const ids = Array.from({ length: 4000 }, (_, index) => `build-${index}`)
  const percentInKata = (plugin: string, k8s: string, kata: string, more: string): number => {
    const weights = [k8s, kata]
    const text = sample('executor.yaml: the pilot')
      .replace(/plugin: .*/, `plugin: ${plugin.replaceAll('`', '')}`)
      .replaceAll(/weightage: .*/g, () => `weightage: ${weights.shift()}`)
    const config = readExecutorConfig(text, 'executor.yaml')
    const build = readBuildFile(`id: a\nsteps: [{name: one, argv: [make]}]\n${more}`, 'build.yaml')
    const chosen = ids.map((id) => route({ ...build, id }, config).executor.name)
    return (100 * chosen.filter((name) => name === 'kata').length) / ids.length
  }

  it.each([
    ['pilot users', 0],
    ['a share', 10],
    ['half', 50],
    ['all', 100],
  ])('in its stage "%s" sends %i percent of the builds without annotation to Kata', (stage, percent) => {
    const [, plugin, k8s, kata] = stages.find(([name]) => name === stage)!
    expect(Math.abs(percentInKata(plugin!, k8s!, kata!, 'image: node:20\n') - percent)).toBeLessThan(2)
  })

  it('sends excluded images elsewhere and annotated builds to Kata in each stage', () => {
    expect(stages).toHaveLength(4)
    for (const [, plugin, k8s, kata] of stages) {
      expect(percentInKata(plugin!, k8s!, kata!, 'image: base:rhel6\n')).toBe(0)
      const annotated = 'image: node:20\nannotations: {screwdriver.cd/executor: kata}\n'
      expect(percentInKata(plugin!, k8s!, kata!, annotated)).toBe(100)
    }
  })
})

describe('the tables', () => {
  it('have every command with its flags', () => {
    const made = [runCommand(), attachCommand(), cancelCommand(), compareCommand(), gcCommand(), preflightCommand()]
    const common = ['--config', '--kubeconfig']
    const expected = made.map((command) => [
      command.name(),
      ...command.options.map(({ long }) => long ?? '').filter((flag) => !common.includes(flag)),
    ])
    const written = rowsOf(section('Commands')).map(([command = '', , flags = '']) => [
      /^`(\w+)/.exec(command)?.[1],
      ...[...flags.matchAll(/`(--[\w-]+)`/g)].map(([, flag]) => flag),
    ])
    const sorted = (rows: (string | undefined)[][]) => rows.map(([name, ...flags]) => [name, ...flags.sort()]).sort()
    expect(sorted(written)).toEqual(sorted(expected))
  })

  it('have every exit status, and as many kinds of failure as there are', () => {
    const [, line = ''] = /\*\*Exit status\*\*: ([^:]*):/.exec(section('Commands')) ?? []
    const codes = line.split(',').map((part) => Number.parseInt(part.trim(), 10))
    expect(codes).toEqual(Object.values(exitCodes).map(({ code }) => code))
    expect(section('Commands')).toContain(`${failureKinds.length} kinds`)
  })

  it('do not name what is not there: each link leads to a file, and to a heading of it', () => {
    const anchorOf = (heading: string): string =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-')
    for (const [name, text] of [
      ['README.md', readme],
      ['docs/nodes.md', nodes],
    ] as const) {
      const links = [...text.matchAll(/\]\((?!https?:)([^)#]*)#?([^)]*)\)/g)]
      expect(links.length).toBeGreaterThan(5)
      for (const [, path = '', anchor = ''] of links) {
        const target = path === '' ? join(folder, name) : join(folder, dirname(name), path)
        expect(existsSync(target), `${name}: ${path}`).toBe(true)
        if (anchor === '') continue
        const headings = [...readFileSync(target, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading!)
        const emphasised = [...readFileSync(target, 'utf8').matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id!)
        expect([...headings.map(anchorOf), ...emphasised], `${name}: ${path}#${anchor}`).toContain(anchor)
      }
    }
  })
})

describe('node/', () => {
  const files = readdirSync(join(folder, 'node'))
  const require = createRequire(import.meta.url)
  const { RuntimeClass } = require('kubernetes-models/node.k8s.io/v1/RuntimeClass') as {
    RuntimeClass: new (data: unknown) => { validate(): void }
  }

  it('has RuntimeClasses that their schema takes, for the nodes that builds go to', () => {
    const classes = parseAllDocuments(read('node/runtime-classes.yaml')).map((document) => document.toJS())
    expect(classes.map(({ metadata }) => metadata.name)).toEqual(['kata', 'kata-clh'])
    const { executors } = readExecutorConfig(read('executor.yaml'), 'executor.yaml')
    const { nodeSelectors } = executors.get('k8s')!.kubernetes
    for (const each of classes) {
      expect(() => new RuntimeClass(each).validate()).not.toThrow()
      expect(each.overhead.podFixed).toMatchObject({ cpu: '250m' })
      expect(each.scheduling.nodeSelector).toEqual(nodeSelectors)
    }
    expect(() => new RuntimeClass({ ...classes[0], handler: 5 }).validate()).toThrow()
  })

  it('names the same runtime, class and annotations everywhere', () => {
    const values = parse(read('node/kata-deploy.yaml'))
    const { executors } = readExecutorConfig(read('executor.yaml'), 'executor.yaml')
    expect(values.runtimeClasses).toEqual({
      createDefault: true,
      defaultName: executors.get('k8s')?.kubernetes.runtimeClass,
    })
    expect(values.shims.disableAll).toBe(true)
    expect(values.shims['qemu-runtime-rs'].dropIn).toContain('enable_annotations = ["kernel_params"]')
    expect(read('node/kata.toml')).toContain('enable_annotations = ["kernel_params"]')
    const containerd = read('node/containerd.toml')
    expect(containerd).toContain('.containerd.runtimes.kata]\n')
    expect(containerd).toContain('privileged_without_host_devices = true')
    expect(containerd).toContain("pod_annotations = ['io.katacontainers.*']")
  })

  it('is all linked from the README', () => {
    for (const file of files) expect(readme).toContain(`(node/${file})`)
  })
})
