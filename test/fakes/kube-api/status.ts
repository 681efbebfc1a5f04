import { qualified, type Resource } from './resources.js'

export interface StatusBody {
  kind: 'Status'
  apiVersion: 'v1'
  metadata: object
  status: 'Success' | 'Failure'
  message?: string
  reason?: string
  details?: Record<string, unknown>
  code: number
}

export const reasons: Record<number, string> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  410: 'Expired',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
}

export function failure(code: number, message: string, more: Partial<StatusBody> = {}): StatusBody {
  const reason = reasons[code]
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    ...(reason === undefined ? {} : { reason }),
    code,
    ...more,
  }
}

/** Thrown anywhere below a request, and answered as the API's own Status. */
export class Refusal extends Error {
  readonly body: StatusBody

  constructor(code: number, message: string, more: Partial<StatusBody> = {}) {
    super(message)
    this.body = failure(code, message, more)
  }
}

// The kinds of refusal and their wording: apimachinery's pkg/api/errors.

const detailsOf = (resource: Resource, name: string) => ({
  name,
  ...(resource.group === '' ? {} : { group: resource.group }),
  kind: resource.plural,
})

export const notFound = (resource: Resource, name: string): Refusal =>
  new Refusal(404, `${qualified(resource)} "${name}" not found`, { details: detailsOf(resource, name) })

export const alreadyExists = (resource: Resource, name: string): Refusal =>
  new Refusal(409, `${qualified(resource)} "${name}" already exists`, {
    reason: 'AlreadyExists',
    details: detailsOf(resource, name),
  })

export const conflict = (resource: Resource, name: string, why: string): Refusal =>
  new Refusal(409, `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`, {
    details: detailsOf(resource, name),
  })

export const forbidden = (resource: Resource, name: string, why: string): Refusal =>
  new Refusal(403, `${qualified(resource)} "${name}" is forbidden: ${why}`, { details: detailsOf(resource, name) })

export const invalid = (resource: Resource, name: string, why: string): Refusal =>
  new Refusal(
    422,
    `${resource.kind}${resource.group === '' ? '' : `.${resource.group}`} "${name}" is invalid: ${why}`,
    {
      details: { ...detailsOf(resource, name), kind: resource.kind },
    },
  )

export const expired = (message: string): Refusal => new Refusal(410, message)
