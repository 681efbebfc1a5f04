import type { V1Deployment } from '@kubernetes/client-node'
import { agentDeployment } from '../../examples/buildkit-ci/render/agent/agent.js'
import { configOf } from '../buildkit-ci/config/samples.js'

/** The variables of an agent with a Secret of registries, with these folders in place of its mounts. */
export function renderedVariables(work: string, secret: string): Record<string, string> {
  const config = configOf({ agents: { app: { command: ['true'], registrySecret: 'registries' } } })
  const set: V1Deployment = agentDeployment(config, 'app', config.agents['app']!)
  const { env, volumeMounts } = set.spec!.template.spec!.containers[0]!
  const folders: Record<string, string> = { work, docker: secret }
  const there = (value: string): string => {
    const mount = volumeMounts!.find(({ name, mountPath }) => name in folders && value.startsWith(mountPath))
    return mount === undefined ? value : value.replace(mount.mountPath, folders[mount.name]!)
  }
  const names = ['HOME', 'BUILDX_CONFIG', 'DOCKER_CONFIG']
  return Object.fromEntries(
    env!.filter(({ name }) => names.includes(name)).map(({ name, value = '' }) => [name, there(value)]),
  )
}
