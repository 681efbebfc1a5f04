import {
  type ChannelCredentials,
  type ClientOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  type GrpcObject,
  loadPackageDefinition,
  type Metadata,
  type ServiceClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js'
import { fromJSON } from '@grpc/proto-loader'
import protobuf from 'protobufjs'
import { healthInterfaceText, interfaceText } from './interface.js'
import type {
  BuildHistoryEvent,
  BuildHistoryRequest,
  HealthCheckResponse,
  InfoResponse,
  StatusResponse,
} from './messages.js'

interface CallOptions {
  deadline?: number
}
type Answer<Response> = (error: ServiceError | null, response?: Response) => void
type Unary<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: CallOptions,
  answer: Answer<Response>,
) => ClientUnaryCall

export interface ControlClient {
  Info: Unary<object, InfoResponse>
  ListenBuildHistory(request: BuildHistoryRequest, options: CallOptions): ClientReadableStream<BuildHistoryEvent>
  Status(request: { Ref: string }): ClientReadableStream<StatusResponse>
  close(): void
}

export interface HealthClient {
  Check: Unary<{ service?: string }, HealthCheckResponse>
  close(): void
}

function packageOf(text: string): GrpcObject {
  const { root } = protobuf.parse(text, { keepCase: true })
  return loadPackageDefinition(
    fromJSON(root.toJSON(), { keepCase: true, longs: Number, enums: String, defaults: true, arrays: true }),
  )
}

function serviceAt(text: string, path: string[]): ServiceClientConstructor {
  return path.reduce<unknown>((at, name) => (at as GrpcObject)[name], packageOf(text)) as ServiceClientConstructor
}

/** The two services, for a client and, by their `service`, for a server. */
export const controlService = serviceAt(interfaceText, ['moby', 'buildkit', 'v1', 'Control'])
export const healthService = serviceAt(healthInterfaceText, ['grpc', 'health', 'v1', 'Health'])

export function controlClient(target: string, credentials: ChannelCredentials, options: ClientOptions): ControlClient {
  return new controlService(target, credentials, options) as unknown as ControlClient
}

export function healthClient(target: string, credentials: ChannelCredentials, options: ClientOptions): HealthClient {
  return new healthService(target, credentials, options) as unknown as HealthClient
}
