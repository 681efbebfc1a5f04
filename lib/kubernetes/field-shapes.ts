/** The types that the API has for the fields read here, and where an object has another: the API server refuses it. */
import { isFields } from './shape.js'
import type { Path } from './types.js'

/** What a field may hold. Null is "not given" to the API, but for an item of a list. */
type Shape =
  | { type: 'text' | 'number' | 'boolean' }
  | { type: 'list'; of: Shape }
  | { type: 'map'; of: Shape }
  | { type: 'object'; fields: Record<string, Shape> }

const text: Shape = { type: 'text' }
const number: Shape = { type: 'number' }
const boolean: Shape = { type: 'boolean' }
const listOf = (of: Shape): Shape => ({ type: 'list', of })
const object = (fields: Record<string, Shape> = {}): Shape => ({ type: 'object', fields })

const exec = object({ command: listOf(text) })
const httpGet = object({ path: text, host: text, scheme: text })
const handler = object({ exec, httpGet, tcpSocket: object() })
const probe = object({ exec, httpGet, tcpSocket: object(), grpc: object() })

const container = object({
  ...{ name: text, image: text, imagePullPolicy: text, workingDir: text, restartPolicy: text },
  ...{ command: listOf(text), args: listOf(text) },
  env: listOf(object({ name: text, value: text, valueFrom: object() })),
  envFrom: listOf(object({ prefix: text })),
  ports: listOf(object({ name: text, protocol: text, containerPort: number, hostPort: number })),
  volumeMounts: listOf(object({ name: text, mountPath: text, subPath: text, subPathExpr: text, readOnly: boolean })),
  ...{ resources: object(), securityContext: object(), terminationMessagePath: text, terminationMessagePolicy: text },
  lifecycle: object({ postStart: handler, preStop: handler, stopSignal: text }),
  ...{ startupProbe: probe, livenessProbe: probe, readinessProbe: probe },
})

const podSpec = object({
  ...{ containers: listOf(container), initContainers: listOf(container) },
  volumes: listOf(object({ name: text, emptyDir: object({ medium: text }), hostPath: object({ path: text }) })),
  ...{ hostIPC: boolean, hostNetwork: boolean, hostPID: boolean, shareProcessNamespace: boolean },
  ...{ restartPolicy: text, runtimeClassName: text, terminationGracePeriodSeconds: number },
  ...{ nodeSelector: { type: 'map', of: text }, os: object({ name: text }), securityContext: object() },
})

export interface Malformed {
  path: Path
  /** What is there, and what should be: `env is an object, not a list`. */
  message: string
}

/** Each field of a pod spec that is not of the API's type. */
export function malformedFields(spec: unknown): Malformed[] {
  return [...malformedIn(spec, podSpec, [])]
}

function* malformedIn(value: unknown, shape: Shape, path: Path): Generator<Malformed> {
  if (!isOf(value, shape)) yield { path, message: `${fieldName(path)} is ${shown(value)}, not ${names[shape.type]}` }
  else if (shape.type === 'list') {
    for (const [index, item] of (value as unknown[]).entries()) yield* malformedIn(item, shape.of, [...path, index])
  } else if (shape.type === 'map' || shape.type === 'object') {
    for (const [key, inner] of Object.entries(value as object)) {
      const expected =
        shape.type === 'map' ? shape.of : Object.hasOwn(shape.fields, key) ? shape.fields[key] : undefined
      if (expected !== undefined && inner != null) yield* malformedIn(inner, expected, [...path, key])
    }
  }
}

const names = {
  text: 'a text',
  number: 'a number',
  boolean: 'true or false',
  list: 'a list',
  map: 'an object',
  object: 'an object',
}

function isOf(value: unknown, { type }: Shape): boolean {
  if (type === 'list') return Array.isArray(value)
  if (type === 'map' || type === 'object') return isFields(value)
  return typeof value === { text: 'string', number: 'number', boolean: 'boolean' }[type]
}

/** `containers[0].env[2].value`; of the whole, `spec`. */
function fieldName(path: Path): string {
  const keys = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`))
  return keys.join('').slice(1) || 'spec'
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (isFields(value)) return 'an object'
  return typeof value === 'string' ? `the text "${value.slice(0, 40)}"` : String(value)
}
