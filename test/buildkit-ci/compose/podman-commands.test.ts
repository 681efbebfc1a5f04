import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { createContainer } from '../../../examples/buildkit-ci/compose/podman/commands.js'
import { readCompose } from '../../../examples/buildkit-ci/compose/read-compose.js'

const names = {
  ...{ pod: 'shop-1', hosts: '/run/hosts' },
  container: (service: string) => `shop-1-${service}`,
  volume: (name: string) => `shop-1-${name}`,
  variables: (service: string) => `/run/${service}.env`,
}

function creationWith(environment: object) {
  const services = { tests: { image: 'registry.example/app:1', environment } }
  const { tests } = readCompose(stringify({ services }), 'compose.yaml', 'tests', {})
  return createContainer(tests, names, { folder: '/project' })
}

describe('the arguments that create a container', () => {
  it('have the names of variables and no value', () => {
    const { args, variables, fileVariables } = creationWith({ PASSWORD: 'secret value', TOKEN: '' })
    expect(args.join(' ')).toContain('--env PASSWORD --env TOKEN')
    expect(args.join(' ')).not.toContain('secret')
    expect(variables).toEqual({ PASSWORD: 'secret value', TOKEN: '' })
    expect(fileVariables).toEqual([])
  })

  it.each([
    'PATH',
    'HOME',
    'TMPDIR',
    'LD_PRELOAD',
    'GODEBUG',
    'CONTAINERS_CONF',
    'XDG_RUNTIME_DIR',
    'https_proxy',
    'A*',
  ])('name a file for %s, which podman itself would heed', (name) => {
    const { args, variables, fileVariables } = creationWith({ [name]: 'secret value' })
    expect(args.join(' ')).toContain('--env-file /run/tests.env')
    expect(args.join(' ')).not.toContain('secret')
    expect(variables).toEqual({})
    expect(fileVariables).toEqual([`${name}=secret value`])
  })

  it.each(['one\ntwo', '"quoted"'])(
    'refuse %j for such a variable: podman would read the file in another way',
    (value) => {
      expect(() => creationWith({ HOME: value })).toThrow('service tests sets HOME to a value that podman cannot read')
      expect(creationWith({ NOTES: value }).variables).toEqual({ NOTES: value })
    },
  )
})
