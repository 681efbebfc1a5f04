/** Messages of the interface as the gRPC library reads them: no field is absent, and numbers of 64 bits are numbers. */

export interface Timestamp {
  seconds: number
  nanos: number
}

export interface InfoResponse {
  buildkitVersion: { package: string; version: string; revision: string } | null
}

export interface BuildHistoryRequest {
  ActiveOnly?: boolean
  Ref?: string
  EarlyExit?: boolean
}

export interface BuildHistoryEvent {
  type: 'STARTED' | 'COMPLETE' | 'DELETED'
  record: {
    Ref: string
    Frontend: string
    FrontendAttrs: Record<string, string>
    CreatedAt: Timestamp | null
    CompletedAt: Timestamp | null
  } | null
}

/** A step of a build. BuildKit calls it vertex: a node of the build's graph. */
export interface Vertex {
  digest: string
  inputs: string[]
  name: string
  cached: boolean
  started: Timestamp | null
  completed: Timestamp | null
  error: string
}

export interface VertexStatus {
  ID: string
  vertex: string
  name: string
  current: number
  total: number
  timestamp: Timestamp | null
  started: Timestamp | null
  completed: Timestamp | null
}

export interface VertexLog {
  vertex: string
  timestamp: Timestamp | null
  stream: number
  msg: Uint8Array
}

export interface StatusResponse {
  vertexes: Vertex[]
  statuses: VertexStatus[]
  logs: VertexLog[]
}

export interface HealthCheckResponse {
  status: 'UNKNOWN' | 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN'
}
