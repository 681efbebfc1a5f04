import { Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { credentialsOf, type TlsFiles, targetOf } from './address.js'
import type { StatusResponse } from './messages.js'
import { type ControlClient, controlClient, type HealthClient, healthClient } from './services.js'

/** The daemon's word on one question: it answered, it is not there, or the question was given up unanswered. */
export type Answer =
  | { kind: 'answered'; activeRefs: string[] }
  // It lives, and an error took the place of its list: any build may run.
  | { kind: 'answered'; activeRefs: undefined; why: string }
  | { kind: 'refuses'; why: string }
  | { kind: 'absent'; why: string }
  | { kind: 'unanswered'; question: string }

export interface ConnectionOptions {
  /** `unix:///…` or `tcp://HOST:PORT`. */
  address: string
  tls?: TlsFiles | undefined
}

/** Which question an `ask` waits for at the moment; each is answered by other parts of the daemon. */
const questions = ['health', 'Info', 'ListenBuildHistory'] as const

/** Codes of a first question that found no daemon. Each other code is an answer, and so a sign of life. */
const absentCodes: readonly number[] = [status.UNAVAILABLE]
const unansweredCodes: readonly number[] = [status.DEADLINE_EXCEEDED, status.CANCELLED]

/**
 * One connection to buildkitd that stays open. It opens again by itself after the daemon restarts.
 *
 * It never subscribes to the health service, nor keeps a ListenBuildHistory open: at SIGTERM the daemon waits for open
 * streams (`GracefulStop`), and it would wait for its watcher.
 */
export class BuildkitConnection implements Disposable {
  readonly #control: ControlClient
  readonly #health: HealthClient
  #waitsFor: (typeof questions)[number] | undefined

  /** @throws CiError `ADDRESS_INVALID`, `TLS_FILE` */
  constructor({ address, tls }: ConnectionOptions) {
    const target = targetOf(address)
    const credentials = credentialsOf(tls)
    const options = {
      // Both clients share one subchannel, and so one connection, of the library's pool for equal targets and options.
      'grpc.enable_retries': 0,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.min_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1000,
      // BuildKit's own limit (defaults.DefaultMaxRecvMsgSize).
      'grpc.max_receive_message_length': 16 << 20,
      ...(tls?.serverName === undefined ? {} : { 'grpc.ssl_target_name_override': tls.serverName }),
      // A Unix socket has no name that HTTP/2 could send as its authority.
      ...(target.startsWith('unix:') ? { 'grpc.default_authority': 'localhost' } : {}),
    }
    this.#control = controlClient(target, credentials, options)
    this.#health = healthClient(target, credentials, options)
  }

  /** The question that the daemon owes an answer to; undefined: none. */
  get waitsFor(): string | undefined {
    return this.#waitsFor
  }

  /**
   * Asks the health service, then Info, then for the builds that run. The third waits for the lock of the build history,
   * so it finds a daemon that serves and is stuck.
   *
   * @param giveUpMs after which the question is dropped
   */
  async ask(giveUpMs: number): Promise<Answer> {
    const deadline = Date.now() + giveUpMs
    try {
      this.#waitsFor = 'health'
      const health = await this.#checkHealth(deadline)
      if (health === 'NOT_SERVING') return { kind: 'refuses', why: 'its health service says NOT_SERVING' }
      this.#waitsFor = 'Info'
      await new Promise<void>((resolve, reject) =>
        this.#control.Info({}, new Metadata(), { deadline }, (error) => (error === null ? resolve() : reject(error))),
      )
      this.#waitsFor = 'ListenBuildHistory'
      return { kind: 'answered', activeRefs: await this.#activeRefs(deadline) }
    } catch (error) {
      return this.#answerOf(error as ServiceError)
    } finally {
      this.#waitsFor = undefined
    }
  }

  /**
   * The progress of a running build, from its beginning: the daemon repeats what came before.
   *
   * @returns ends the following
   */
  follow(ref: string, onProgress: (progress: StatusResponse) => void, onEnd: () => void): () => void {
    const stream = this.#control.Status({ Ref: ref })
    stream.on('data', onProgress)
    // The build has ended, the daemon has, or it does not know the build any more: the next `ask` tells which.
    stream.on('error', () => {})
    stream.on('close', onEnd)
    return () => stream.cancel()
  }

  [Symbol.dispose](): void {
    this.#control.close()
    this.#health.close()
  }

  #checkHealth(deadline: number): Promise<string> {
    return new Promise((resolve, reject) =>
      this.#health.Check({}, new Metadata(), { deadline }, (error, response) => {
        // A daemon from before buildkit#4145 has no health service. That, too, is an answer.
        if (error?.code === status.UNIMPLEMENTED) resolve('UNIMPLEMENTED')
        else if (error !== null) reject(error)
        else resolve(response?.status ?? 'UNKNOWN')
      }),
    )
  }

  #activeRefs(deadline: number): Promise<string[]> {
    return new Promise((resolve, reject) => {
      const refs = new Set<string>()
      const stream = this.#control.ListenBuildHistory({ ActiveOnly: true, EarlyExit: true }, { deadline })
      stream.on('data', ({ type, record }) => {
        if (record === null) return
        if (type === 'STARTED') refs.add(record.Ref)
        else refs.delete(record.Ref)
      })
      stream.on('error', reject)
      stream.on('end', () => resolve([...refs]))
    })
  }

  #answerOf({ code, details }: ServiceError): Answer {
    const question = this.#waitsFor ?? 'health'
    // After an answer to `health` the daemon may itself send such a code. If it has just ended, the next `ask` finds that.
    if (absentCodes.includes(code) && question === 'health') return { kind: 'absent', why: details }
    if (unansweredCodes.includes(code)) return { kind: 'unanswered', question }
    return { kind: 'answered', activeRefs: undefined, why: `${question}: ${details}` }
  }
}
