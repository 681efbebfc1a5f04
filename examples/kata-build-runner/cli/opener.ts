import type { BuildApi } from '../api/build-api.js'
import { connect } from '../api/connect.js'
import type { Executor } from '../config/executor-config.js'
import type { CommonFlags } from './flags.js'
import type { Host } from './host.js'

/**
 * Opens the API of an executor's cluster and namespace.
 *
 * @param leave ends every call at once
 */
export function opener(
  { env, clock }: Pick<Host, 'env' | 'clock'>,
  { kubeconfig }: CommonFlags,
  leave?: AbortSignal,
): (executor: Executor) => BuildApi {
  const environment = kubeconfig === undefined ? env : { ...env, KUBECONFIG: kubeconfig }
  return (executor) => connect(executor, environment, { clock, signal: leave })
}
