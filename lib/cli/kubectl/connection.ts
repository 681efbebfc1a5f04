/** kubectl's own flags that say which cluster, as whom and in which namespace. They are passed on as they are. */
import type { Command } from 'commander'
import { collected } from '../commands/settings.js'

const valueFlags = [
  ['--context <name>', 'context of the kubeconfig'],
  ['--kubeconfig <file>', 'kubeconfig file'],
  ['--cluster <name>', 'cluster of the kubeconfig'],
  ['--user <name>', 'user of the kubeconfig'],
  ['-s, --server <url>', 'address of the API server'],
  ['--as <user>', 'user to impersonate'],
  ['--as-uid <uid>', 'UID to impersonate'],
  ['--token <token>', 'bearer token'],
  ['--certificate-authority <file>', 'certificate of the authority'],
  ['--client-certificate <file>', 'certificate of the client'],
  ['--client-key <file>', 'key of the client'],
  ['--tls-server-name <name>', 'name in the certificate of the server'],
  ['--cache-dir <dir>', 'cache of kubectl'],
] as const

export interface ConnectionFlags {
  namespace?: string
  asGroup?: string[]
  insecureSkipTlsVerify?: true
  [flag: string]: unknown
}

export function withConnectionFlags(command: Command): Command {
  command.option('-n, --namespace <name>', 'namespace of the pods (default: that of the context)')
  for (const [flag, text] of valueFlags) command.option(flag, `kubectl: ${text}`)
  return command
    .option('--as-group <group>', 'kubectl: group to impersonate; may be repeated', collected)
    .option('--insecure-skip-tls-verify', 'kubectl: believe any certificate of the server')
}

/** The words for kubectl, but for the namespace. */
export function connectionWords(flags: ConnectionFlags): string[] {
  const values = valueFlags.flatMap(([spelling]) => {
    const [, name = ''] = /--([a-z-]+)/.exec(spelling) ?? []
    const value = flags[name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())]
    return typeof value === 'string' ? [`--${name}=${value}`] : []
  })
  const groups = (flags.asGroup ?? []).map((group) => `--as-group=${group}`)
  return [...values, ...groups, ...(flags.insecureSkipTlsVerify ? ['--insecure-skip-tls-verify'] : [])]
}
