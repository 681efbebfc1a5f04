import { type Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import { buildIdKey, gatewayService, solveService } from './solve.js'

interface Calls {
  Solve(request: { Ref: string }, answer: (error: ServiceError | null) => void): void
  Return(request: object, metadata: Metadata, answer: (error: ServiceError | null) => void): void
}

/**
 * A build as buildx runs it: Solve is open as long as it takes, and the result is returned by another call on the same
 * connection, once the Dockerfile is read and its base images are looked up.
 */
export class ClientBuild implements Disposable {
  /** The error that ended it; null: it succeeded. */
  readonly ended: Promise<ServiceError | null>
  readonly #solve: Client
  readonly #gateway: Client
  readonly #ref: string

  constructor(target: string, ref: string) {
    this.#ref = ref
    const options = { 'grpc.default_authority': 'localhost', 'grpc.enable_retries': 0 }
    this.#solve = new solveService(target, credentials.createInsecure(), options)
    this.#gateway = new gatewayService(target, credentials.createInsecure(), options)
    this.ended = new Promise((resolve) => (this.#solve as Client & Calls).Solve({ Ref: ref }, resolve))
  }

  /** The last call that a client makes. @returns the error, if the daemon does not take it */
  returnResult(): Promise<ServiceError | null> {
    const metadata = new Metadata()
    metadata.set(buildIdKey, this.#ref)
    return new Promise((resolve) => (this.#gateway as Client & Calls).Return({}, metadata, resolve))
  }

  [Symbol.dispose](): void {
    this.#solve.close()
    this.#gateway.close()
  }
}
