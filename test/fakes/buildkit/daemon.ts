import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import { controlService, healthService } from '../../../examples/buildkit-ci/buildkit-api/services.js'
import { FakeBuild } from './build.js'
import { buildIdKey, gatewayService, solveService } from './solve.js'

export interface FakeBuildkitOptions {
  /** `unix:/path` or `127.0.0.1:0`. */
  address: string
  /** PEM; with a CA, clients must present a certificate. */
  tls?: { ca: Buffer; cert: Buffer; key: Buffer }
}

/** What does not answer: `history` is a daemon that is stuck at a lock, while its health service says SERVING. */
export type Hang = 'nothing' | 'history' | 'all'

/** A daemon that speaks the real gRPC of buildkitd, as far as this repository's programs and a build's client need it. */
export class FakeBuildkit {
  readonly #server = new Server()
  readonly #builds = new Map<string, FakeBuild>()
  readonly #returns = new Map<string, () => void>()
  #hang: Hang = 'nothing'
  #historyError: status | undefined
  #isServing = true
  #slowMs = 0
  #port = 0

  private constructor() {
    const { service: control } = controlService
    this.#server.addService(control, {
      Info: this.#unary(() => ({ buildkitVersion: { package: 'fake', version: 'v0', revision: '' } })),
      ListenBuildHistory: (call: ServerWritableStream<{ ActiveOnly: boolean; EarlyExit: boolean }, unknown>) =>
        this.#afterAWhile('history', () => {
          if (this.#historyError !== undefined) {
            call.emit('error', { code: this.#historyError, details: 'no list', metadata: new Metadata() })
            return
          }
          for (const { ref, createdAt } of this.#builds.values()) {
            call.write({ type: 'STARTED', record: { Ref: ref, Frontend: 'dockerfile.v0', CreatedAt: createdAt } })
          }
          if (call.request.EarlyExit) call.end()
        }),
      Status: (call: ServerWritableStream<{ Ref: string }, unknown>) => this.#status(call),
    })
    this.#server.addService(solveService.service, this.#solve())
    this.#server.addService(gatewayService.service, {
      Return: (call: ServerUnaryCall<unknown, unknown>, answer: sendUnaryData<unknown>) => {
        const [ref] = call.metadata.get(buildIdKey)
        this.#returns.get(String(ref))?.()
        answer(null, {})
      },
    })
    this.#server.addService(healthService.service, {
      Check: this.#unary(() => ({ status: this.#isServing ? 'SERVING' : 'NOT_SERVING' })),
    })
  }

  static async start({ address, tls }: FakeBuildkitOptions): Promise<FakeBuildkit> {
    const fake = new FakeBuildkit()
    const credentials =
      tls === undefined
        ? ServerCredentials.createInsecure()
        : ServerCredentials.createSsl(tls.ca, [{ private_key: tls.key, cert_chain: tls.cert }], true)
    fake.#port = await new Promise((resolve, reject) =>
      fake.#server.bindAsync(address, credentials, (error, port) => (error === null ? resolve(port) : reject(error))),
    )
    return fake
  }

  get port(): number {
    return this.#port
  }

  /** A build that runs from now on. */
  build(ref: string): FakeBuild {
    const build = new FakeBuild(ref)
    this.#builds.set(ref, build)
    return build
  }

  buildOf(ref: string): FakeBuild {
    return this.#builds.get(ref) ?? this.build(ref)
  }

  end(ref: string): void {
    this.#builds.get(ref)?.end()
    this.#builds.delete(ref)
  }

  hang(what: Hang): void {
    this.#hang = what
  }

  /** Its list of builds ends in an error from now on; undefined: it does not. */
  refuseHistory(code: status | undefined): void {
    this.#historyError = code
  }

  serve(isServing: boolean): void {
    this.#isServing = isServing
  }

  slow(ms: number): void {
    this.#slowMs = ms
  }

  /** As at the first SIGTERM: no new connections, GOAWAY on the open ones, and a wait for the calls that are open. */
  async stopGracefully(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()))
  }

  kill(): void {
    this.#server.forceShutdown()
  }

  #unary(answerOf: () => unknown) {
    return (_: unknown, answer: sendUnaryData<unknown>) => this.#afterAWhile('all', () => answer(null, answerOf()))
  }

  #afterAWhile(part: Hang, answer: () => void): void {
    if (this.#hang === 'all' || this.#hang === part) return
    setTimeout(answer, this.#slowMs)
  }

  #status(call: ServerWritableStream<{ Ref: string }, unknown>): void {
    const build = this.#builds.get(call.request.Ref)
    if (build === undefined) {
      call.emit('error', {
        code: status.NOT_FOUND,
        details: `no such job ${call.request.Ref}`,
        metadata: new Metadata(),
      })
      return
    }
    const stop = build.read(
      (progress) => call.write(progress),
      () => call.end(),
    )
    call.on('close', stop)
    call.on('cancelled', stop)
  }

  /** A build by a client that has not returned its result by the gateway yet: the real one's steps run only after that. */
  #solve() {
    return {
      Solve: (call: ServerUnaryCall<{ Ref: string }, unknown>, answer: sendUnaryData<unknown>) => {
        const ref = call.request.Ref
        this.build(ref).begin('[internal] load metadata for docker.io/library/node:20')
        const ended = () => {
          this.#returns.delete(ref)
          this.end(ref)
        }
        this.#returns.set(ref, () => {
          ended()
          answer(null, { ExporterResponse: {} })
        })
        call.on('cancelled', ended)
      },
    }
  }
}
