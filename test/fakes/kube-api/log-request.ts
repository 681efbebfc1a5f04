import type { Answer } from './answer.js'
import { containersOf } from './container-status.js'
import type { Kubelet } from './kubelet.js'
import type { Pod } from './objects.js'
import { Refusal } from './status.js'

/** As the API server checks it (LogLocation) and the kubelet (validateContainerLogStatus). @throws Refusal 400 */
function containerNameOf(pod: Pod, asked: string | null): string {
  const { name } = pod.metadata
  if (asked !== null && asked !== '') {
    if (containersOf(pod).some((each) => each.name === asked)) return asked
    throw new Refusal(400, `container ${asked} is not valid for pod ${name}`)
  }
  const own = pod.spec.containers.map((each) => each.name)
  if (own.length === 1) return own[0]!
  throw new Refusal(400, `a container name must be specified for pod ${name}, choose one of: [${own.join(' ')}]`)
}

const pullReasons: Record<string, string> = {
  ErrImagePull: "image can't be pulled",
  ImagePullBackOff: 'trying and failing to pull image',
}

/** GET …/pods/NAME/log. @throws Refusal */
export async function serveLog(kubelet: Kubelet, pod: Pod, query: URLSearchParams, answer: Answer): Promise<void> {
  const container = containerNameOf(pod, query.get('container'))
  const { name, namespace, uid } = pod.metadata
  if (pod.spec.nodeName === undefined) {
    answer.open('text/plain')
    answer.end()
    return
  }
  if (kubelet.lifeOf(uid)?.isUnreachable)
    throw new Refusal(
      500,
      `Get "https://10.0.0.9:10250/containerLogs/${namespace}/${name}/${container}?${query}": dial tcp 10.0.0.9:10250: connect: no route to host`,
    )
  if (query.get('previous') === 'true')
    throw new Refusal(400, `previous terminated container "${container}" in pod "${name}" not found`)
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status
  const status = [...initContainerStatuses, ...containerStatuses].find((each) => each.name === container)
  const waiting = status?.state.waiting?.reason ?? (status === undefined ? 'ContainerCreating' : undefined)
  if (waiting !== undefined)
    throw new Refusal(
      400,
      `container "${container}" in pod "${name}" is waiting to start: ${pullReasons[waiting] ?? waiting}`,
    )
  const log = kubelet.logOf(uid, container)
  answer.open('text/plain')
  if (log.isRemoved) {
    answer.write(`unable to retrieve container logs for ${status?.containerID}`)
    answer.end()
    return
  }
  const gone = new AbortController()
  answer.onClose(() => gone.abort())
  const since = sinceOf(query, kubelet)
  const tailLines = query.get('tailLines')
  const pieces = log.read(
    {
      follow: query.get('follow') === 'true',
      timestamps: query.get('timestamps') === 'true',
      ...(since === undefined ? {} : { since }),
      ...(tailLines === null ? {} : { tailLines: Number(tailLines) }),
    },
    gone.signal,
  )
  let left = Number(query.get('limitBytes') ?? Number.POSITIVE_INFINITY)
  for await (const piece of pieces) {
    if (!answer.write(piece.subarray(0, Math.min(piece.length, left)))) await answer.drained()
    left -= piece.length
    if (left <= 0) break
  }
  answer.end()
}

/** Cut to seconds: between the API server and the kubelet it is formatted as RFC 3339 without a fraction. */
function sinceOf(query: URLSearchParams, kubelet: Kubelet): string | undefined {
  const [time, seconds] = [query.get('sinceTime'), query.get('sinceSeconds')]
  if (time !== null && seconds !== null)
    throw new Refusal(400, 'at most one of `sinceTime` or `sinceSeconds` may be specified')
  if (time === null && seconds === null) return undefined
  const ms = time === null ? kubelet.clock.date().getTime() - Number(seconds) * 1000 : Date.parse(time)
  if (Number.isNaN(ms)) throw new Refusal(400, `parsing time "${time}" as RFC3339: cannot parse`)
  return new Date(ms).toISOString().slice(0, 19)
}
