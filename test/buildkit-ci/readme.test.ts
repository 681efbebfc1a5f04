import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { preflightCommand } from '../../examples/buildkit-ci/cli/commands/preflight.js'
import { renderCommand } from '../../examples/buildkit-ci/cli/commands/render.js'
import { exitCodes } from '../../examples/buildkit-ci/cli/exit-codes.js'
import { readConfig } from '../../examples/buildkit-ci/config/read-config.js'
import { daemonImage } from '../../examples/buildkit-ci/render/daemon/containers.js'
import { manifestsOf } from '../../examples/buildkit-ci/render/manifests.js'
import { componentLabel, components } from '../../examples/buildkit-ci/render/names.js'
import { FakeKubeApi } from '../fakes/kube-api/index.js'
import { SimulatedClock } from '../support/simulated-clock.js'
import { call, file } from './cli/call.js'
import { configOf, example, fileOf } from './config/samples.js'

const readme = fileOf('README.md')

function blockOf(language: string): string {
  return new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(readme)?.[1] ?? ''
}

let kube: FakeKubeApi | undefined
afterEach(async () => {
  await kube?.stop()
  kube = undefined
})

describe('the README', () => {
  it('has a sample that is read, and prints what preflight says of it', async () => {
    const clock = new SimulatedClock()
    kube = await FakeKubeApi.start({ namespace: 'ci-build', clock })
    const labels = { 'pod-security.kubernetes.io/enforce': 'privileged' }
    kube.change('namespaces', 'ci-build', (object) => ({ ...object, metadata: { ...object.metadata, labels } }))
    kube.add('storageclasses', { metadata: { name: 'standard' } })
    kube.add('secrets', {
      metadata: { name: 'buildkit-daemon-certs' },
      data: { 'ca.pem': 'x', 'cert.pem': 'x', 'key.pem': 'x' },
    })
    const config = file('readme.yaml', blockOf('yaml'))
    const asked = call(['preflight', '--config', config, '--kubeconfig', kube.kubeconfig], clock)
    expect((await clock.ending(asked)).stdout).toBe(blockOf('text'))
  })

  it('starts with commands that there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(example, '../../package.json'), 'utf8'))
    const names = [...readme.matchAll(/npm run (?:-s )?([\w-]+)/g)].map(([, name]) => name!)
    expect(names).toContain('buildkit-ci')
    for (const name of names) expect(scripts).toHaveProperty(name)
  })

  it('pipes no lines of npm into another program', () => {
    for (const line of readme.match(/^npm run .*\|.*$/gm) ?? []) expect(line).toMatch(/^npm run -s /)
  })

  it('has the commands of this document, their exit statuses, and every part that is rendered', () => {
    for (const command of [renderCommand(), preflightCommand()]) expect(readme).toContain(`| \`${command.name()}\` |`)
    const [, line = ''] = /\*\*Exit status\*\*[^:]*: ([\s\S]*?)\n\n/.exec(readme) ?? []
    expect(line.match(/\b\d+\b/g)?.map(Number)).toEqual(Object.values(exitCodes).map(({ code }) => code))
    const rows = [...readme.matchAll(/^\| (\w+) \| [A-Z]/gm)].map(([, name]) => name)
    for (const component of components)
      expect(rows.includes(component) || component === 'registry', component).toBe(true)
    const parts = manifestsOf(readConfig(fileOf('ci.yaml'), 'ci.yaml')).map(
      ({ metadata }) => metadata.labels?.[componentLabel],
    )
    expect(new Set(parts)).toEqual(new Set(components))
  })

  it('leads to headings and files that are there', () => {
    const anchorOf = (heading: string): string =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-')
    const headings = [...readme.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading!))
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#]*)#?([^)]*)\)/g)]
    expect(links.length).toBeGreaterThan(20)
    for (const [, path = '', anchor = ''] of links) {
      if (path === '') expect(headings, anchor).toContain(anchor)
      else expect(existsSync(join(example, path)), path).toBe(true)
    }
  })

  it('names keys that ci.yaml takes', () => {
    const known = fileOf('docs/config.md')
    const keys = [...readme.matchAll(/`((?:daemon|agents|proxies|nodes|localRegistry|cleanup)\.[\w.<>]+)`/g)]
    expect(keys.length).toBeGreaterThan(8)
    for (const [, key = ''] of keys) expect(known, key).toContain(`\`${key}`)
  })
})

describe('the image of the program', () => {
  it('has a buildkit-ci that runs what is built, and what it calls', () => {
    const text = fileOf('Containerfile')
    expect(text).toContain('/app/dist-programs/examples/buildkit-ci/main.js')
    for (const tool of ['docker-buildx', 'e2fsprogs', 'docker-registry', 'podman', 'kubectl'])
      expect(text).toContain(tool)
  })

  it('is beside a pinned BuildKit, rootless where it is', () => {
    const tags = (['rootless', 'privileged', 'kata'] as const).map((isolation) =>
      daemonImage(configOf({ daemon: { isolation } }).daemon),
    )
    expect(tags).toEqual(['moby/buildkit:v0.32.2-rootless', 'moby/buildkit:v0.32.2', 'moby/buildkit:v0.32.2'])
  })
})
