/** As much of an API server as the helpers call, in memory, over HTTP: what the pods do is the test's to say. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { V1Namespace, V1Pod, V1PodStatus } from '@kubernetes/client-node'

export interface Behaviour {
  /** The status of a pod, each time it is read; `reads` counts from 1. */
  status?: (pod: V1Pod, reads: number) => V1PodStatus
  /** An answer in place of the usual one. */
  refuse?: (method: string, path: string, body: unknown) => { status: number; message: string } | undefined
  events?: object[]
  log?: (container: string, previous: boolean, pod: string) => string
  /** The kubelet's summary, with the pods that there are. */
  summary?: (pods: string[]) => object
}

interface Answer {
  status: number
  body: unknown
}

const ok = (body: unknown): Answer => ({ status: 200, body })
const refusal = (status: number, message: string): Answer => ({
  status,
  body: { kind: 'Status', message, code: status },
})

export class FakeApiServer {
  readonly namespaces = new Map<string, V1Namespace>()
  readonly pods = new Map<string, V1Pod>()
  /** "GET /version", in order. */
  readonly calls: string[] = []
  readonly #reads = new Map<string, number>()

  private constructor(
    readonly server: Server,
    readonly behaviour: Behaviour,
  ) {}

  static async start(behaviour: Behaviour = {}): Promise<FakeApiServer> {
    const server = createServer()
    const fake = new FakeApiServer(server, behaviour)
    server.on('request', (request, response) => void fake.#serve(request, response))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return fake
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  /** For KUBECONFIG. */
  get kubeconfig(): string {
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'fake',
      clusters: [{ name: 'fake', cluster: { server: this.url, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'fake', user: { token: 'none' } }],
      contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'fake' } }],
    })
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = ''
    for await (const chunk of request) text += chunk
    const url = new URL(request.url ?? '', this.url)
    const method = request.method ?? ''
    this.calls.push(`${method} ${url.pathname}`)
    const body: unknown = text === '' ? undefined : JSON.parse(text)
    const refused = this.behaviour.refuse?.(method, url.pathname, body)
    const answer = refused ? refusal(refused.status, refused.message) : this.#answer(method, url, body)
    const isText = typeof answer.body === 'string'
    response.writeHead(answer.status, { 'content-type': isText ? 'text/plain' : 'application/json' })
    response.end(isText ? answer.body : JSON.stringify(answer.body))
  }

  #answer(method: string, url: URL, body: unknown): Answer {
    const path = url.pathname
    if (path === '/version') return ok({ gitVersion: 'v1.36.0-fake' })
    if (path === '/api/v1/nodes') return ok({ items: [{ metadata: { name: 'node-1' }, status: { nodeInfo: {} } }] })
    if (path === '/api/v1/nodes/node-1/proxy/stats/summary')
      return ok(this.behaviour.summary?.([...this.pods.keys()]) ?? {})
    if (path === '/api/v1/namespaces') return this.#listOrCreateNamespace(method, url, body as V1Namespace)
    const [, namespace = '', kind, name, part] =
      /^\/api\/v1\/namespaces\/([^/]+)(?:\/(\w+)(?:\/([^/]+)(?:\/(\w+))?)?)?$/.exec(path) ?? []
    if (!this.namespaces.has(namespace)) return refusal(404, `${method} ${path}: nothing is there`)
    if (kind === undefined) return this.#deleteNamespace(namespace)
    if (kind === 'events') return ok({ items: this.behaviour.events ?? [] })
    if (kind === 'pods' && part === 'log') {
      const { log } = this.behaviour
      const { searchParams } = url
      return ok(log?.(searchParams.get('container') ?? '', searchParams.get('previous') === 'true', name ?? '') ?? '')
    }
    if (kind === 'pods' && name !== undefined) return this.#read(name)
    if (kind === 'pods') return this.#listOrCreatePod(method, namespace, body as V1Pod)
    return refusal(404, `${method} ${path}: nothing is there`)
  }

  #listOrCreateNamespace(method: string, url: URL, body: V1Namespace): Answer {
    if (method === 'POST') {
      this.namespaces.set(body.metadata?.name ?? '', body)
      return { status: 201, body }
    }
    const [label = '', value] = (url.searchParams.get('labelSelector') ?? '').split('=')
    const items = [...this.namespaces.values()].filter(({ metadata }) => metadata?.labels?.[label] === value)
    return ok({ items })
  }

  #deleteNamespace(name: string): Answer {
    this.namespaces.delete(name)
    this.pods.clear()
    return ok({ kind: 'Status', status: 'Success' })
  }

  #listOrCreatePod(method: string, namespace: string, body: V1Pod): Answer {
    if (method === 'POST') {
      const name = body.metadata?.name ?? ''
      const spec = { nodeName: 'node-1', containers: [], ...body.spec }
      this.pods.set(name, { ...body, spec, metadata: { ...body.metadata, namespace } })
      this.#reads.delete(name)
      return { status: 201, body }
    }
    if (method === 'DELETE') {
      this.pods.clear()
      return ok({ kind: 'Status', status: 'Success' })
    }
    return ok({ items: [...this.pods.values()].map((pod) => this.#withStatus(pod)) })
  }

  #read(name: string): Answer {
    const pod = this.pods.get(name)
    return pod === undefined ? refusal(404, `pods "${name}" not found`) : ok(this.#withStatus(pod))
  }

  #withStatus(pod: V1Pod): V1Pod {
    const name = pod.metadata?.name ?? ''
    const reads = (this.#reads.get(name) ?? 0) + 1
    this.#reads.set(name, reads)
    return { ...pod, status: this.behaviour.status?.(pod, reads) ?? { phase: 'Pending' } }
  }
}
