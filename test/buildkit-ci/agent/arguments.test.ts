import { describe, expect, it } from 'vitest'
import {
  buildArguments,
  type ImageBuild,
  suspectArguments,
} from '../../../examples/buildkit-ci/agent/build-arguments.js'
import { createArguments } from '../../../examples/buildkit-ci/agent/buildx.js'

const plain: ImageBuild = {
  ...{ builder: 'ci', context: '.', tags: [], platforms: [], buildArguments: [], secrets: [], output: 'none' },
}

describe('buildx is asked', () => {
  it('for a builder that attaches to the daemon by mutual TLS', () => {
    const tls = { caCert: '/certs/ca.pem', cert: '/certs/cert.pem', key: '/certs/key.pem', serverName: 'buildkitd' }
    expect(createArguments({ name: 'ci', address: 'tcp://buildkitd-0.buildkitd:1234', tls }).join(' ')).toBe(
      'create --name ci --driver remote ' +
        '--driver-opt cacert=/certs/ca.pem,cert=/certs/cert.pem,key=/certs/key.pem,servername=buildkitd ' +
        'tcp://buildkitd-0.buildkitd:1234',
    )
    expect(createArguments({ name: 'ci', address: 'unix:///run/b.sock' })).not.toContain('--driver-opt')
  })

  it('for a plain build with progress that a program reads', () => {
    expect(buildArguments(plain).join(' ')).toBe('build --builder ci --progress rawjson .')
  })

  it('for all that the article’s builds have', () => {
    const build = buildArguments({
      ...plain,
      ...{ file: 'ci/Dockerfile', target: 'app', tags: ['r.example/app:1'], platforms: ['linux/amd64', 'linux/arm64'] },
      ...{ secrets: ['id=npm,src=/run/npm'], cache: 'r.example/app:cache', output: 'push', metadataFile: 'm.json' },
    })
    expect(build.join(' ')).toBe(
      'build --builder ci --progress rawjson --file ci/Dockerfile --target app --tag r.example/app:1 ' +
        '--platform linux/amd64,linux/arm64 --secret id=npm,src=/run/npm ' +
        '--cache-from type=registry,ref=r.example/app:cache ' +
        '--cache-to type=registry,ref=r.example/app:cache,mode=max --push --metadata-file m.json .',
    )
  })

  it.each(['npm', 'id=npm', 'id=npm,env=A-B', 'id=a b,src=/x', 'id=npm,value=s3cr3t'])(
    'never for a secret that is none: %s',
    (secret) => {
      expect(() => buildArguments({ ...plain, secrets: [secret] })).toThrow(expect.objectContaining({ code: 'USAGE' }))
    },
  )

  it('never to load an image of several platforms', () => {
    const platforms = ['linux/amd64', 'linux/arm64']
    expect(() => buildArguments({ ...plain, platforms, output: 'load' })).toThrow(/--load takes one platform/)
  })
})

describe('a build argument', () => {
  it('that looks like a secret is named, for it stays in the image', () => {
    expect(suspectArguments(['NPM_TOKEN=x', 'VERSION=1', 'dbPassword=y', 'API_KEY'])).toEqual([
      ...['NPM_TOKEN', 'dbPassword', 'API_KEY'],
    ])
  })
})
