/** The real buildkitd with the file that `render` writes for it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { buildkitdToml } from '../../examples/buildkit-ci/render/daemon/buildkitd-toml.js'
import { tlsDirectory } from '../../examples/buildkit-ci/render/daemon/paths.js'
import { configOf } from '../buildkit-ci/config/samples.js'
import { certificate } from '../support/certificate.js'
import { freePort } from '../support/free-port.js'
import { Program } from '../support/program.js'
import { binaries, RealPod, whyNotReal } from './real.js'
import { ciProgram } from './scene.js'

const why = whyNotReal()
if (why !== undefined) console.error(`NOT TESTED: the rendered file with the real buildkitd: ${why}.`)

/** With the file as rendered, but for where things are. */
async function renderedPod() {
  const port = await freePort()
  const pod = await RealPod.start([], (folder) => {
    certificate(folder, 'cert', 'buildkitd')
    const toml = buildkitdToml(configOf({ daemon: { isolation: 'privileged', storage: { size: '100Gi' } } }))
    const paths: Record<string, string> = { 'cert.pem': 'cert.pem', 'key.pem': 'cert.key', 'ca.pem': 'cert.pem' }
    const here = Object.entries(paths).reduce(
      (text, [there, file]) => text.replaceAll(`${tlsDirectory}/${there}`, join(folder, file)),
      toml,
    )
    writeFileSync(join(folder, 'buildkitd.toml'), here)
    return ['--config', join(folder, 'buildkitd.toml'), '--addr', `tcp://127.0.0.1:${port}`]
  })
  const file = (name: string) => join(pod.folder, name)
  const tls = ['--tlscacert', file('cert.pem'), '--tlscert', file('cert.pem'), '--tlskey', file('cert.key')]
  return { address: `tcp://127.0.0.1:${port}`, tls: [...tls, '--tlsservername', 'buildkitd'] }
}

describe.skipIf(why !== undefined)('the rendered buildkitd.toml', () => {
  it('bounds the cache by bytes of the volume, and by the ages of ci.yaml', async () => {
    const { address, tls } = await renderedPod()
    const flags = ['--addr', address, ...tls, 'debug', 'workers', '--verbose']
    const buildctl = Program.run(join(binaries as string, 'buildctl'), flags)
    expect(await buildctl.ended, buildctl.stderr).toEqual({ code: 0, signal: null })
    const text = buildctl.lines.join('\n')
    // 25, 70, 20 and 15 percent of 100 Gi.
    const gigabytes = (percent: number) => `${(100 * 2 ** 30 * percent) / 100 / 1e9}GB`
    expect(text).toMatch(/rule#0:\n.*All:\s+false\n.*Filters:\s+type==source.local type==exec.cachemount /)
    expect(text).toMatch(new RegExp(`Keep duration:\\s+72h0m0s\\n\\s+Maximum used space:\\s+${gigabytes(25)}\\n`))
    expect(text).toMatch(new RegExp(`rule#3:\\n\\s+All:\\s+true\\n\\s+Reserved space:\\s+${gigabytes(20)}\\n`))
    expect(text).toMatch(
      new RegExp(`Minimum free space:\\s+${gigabytes(15)}\\n\\s+Maximum used space:\\s+${gigabytes(70)}`),
    )
  })

  it('admits clients with a certificate, and no others', async () => {
    const { address, tls } = await renderedPod()
    const drain = async (flags: string[]) => {
      const program = Program.run(process.execPath, [ciProgram, 'drain', '--addr', address, '--settle', '0s', ...flags])
      return (await program.ended).code
    }
    expect(await drain(tls)).toBe(0)
    expect(await drain([])).toBe(3)
  })
})
