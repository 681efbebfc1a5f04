import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Runs skopeo against registries of this machine, without TLS. @throws with its words */
export async function skopeo(...args: string[]): Promise<string> {
  const [command = '', ...rest] = args
  const flags = command === 'copy' ? ['--src-tls-verify=false', '--dest-tls-verify=false'] : ['--tls-verify=false']
  const { stdout } = await run('skopeo', ['--insecure-policy', command, ...flags, ...rest], { maxBuffer: 1024 ** 3 })
  return stdout
}
