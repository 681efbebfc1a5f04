/** What a careful user takes today, as the kubelet runs it. */
import { execFile } from 'node:child_process'
import { credentials, Metadata } from '@grpc/grpc-js'
import { type HealthClient, healthService } from '../../examples/buildkit-ci/buildkit-api/services.js'

export interface Probed {
  passed: boolean
  ms: number
}

/**
 * As `pkg/probe/grpc/grpc.go` of Kubernetes: a connection of its own for each probe, one Check, and timeoutSeconds for both.
 */
export async function grpcProbe(socket: string, timeoutSeconds = 1): Promise<Probed> {
  const began = performance.now()
  const options = { 'grpc.default_authority': 'localhost', 'grpc.use_local_subchannel_pool': 1 }
  const client = new healthService(`unix:${socket}`, credentials.createInsecure(), options) as unknown as HealthClient
  try {
    const passed = await new Promise<boolean>((resolve) =>
      client.Check({}, new Metadata(), { deadline: Date.now() + timeoutSeconds * 1000 }, (error, response) =>
        resolve(error === null && response?.status === 'SERVING'),
      ),
    )
    return { passed, ms: performance.now() - began }
  } finally {
    client.close()
  }
}

/** The probe of upstream's examples: `buildctl debug workers` by exec. It is let run to its end, to see how long it takes. */
export async function execProbe(buildctl: string, socket: string, timeoutSeconds = 1): Promise<Probed> {
  const began = performance.now()
  const error = await new Promise<Error | null>((resolve) => {
    execFile(buildctl, ['--addr', `unix://${socket}`, 'debug', 'workers'], (failure) => resolve(failure))
  })
  const ms = performance.now() - began
  return { passed: error === null && ms < timeoutSeconds * 1000, ms }
}
