/** What a client of buildkitd calls for a build, which the watcher does not: field numbers as in BuildKit's own files. */
import { type GrpcObject, loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js'
import { fromJSON } from '@grpc/proto-loader'
import protobuf from 'protobufjs'

function serviceOf(text: string, path: string): ServiceClientConstructor {
  const { root } = protobuf.parse(text, { keepCase: true })
  const loaded: unknown = loadPackageDefinition(fromJSON(root.toJSON(), { keepCase: true, defaults: true }))
  return path.split('.').reduce((at, name) => (at as GrpcObject)[name], loaded) as ServiceClientConstructor
}

export const solveService = serviceOf(
  `syntax = "proto3"; package moby.buildkit.v1;
   message SolveRequest { string Ref = 1; }
   message SolveResponse { map<string, string> ExporterResponse = 1; }
   service Control { rpc Solve(SolveRequest) returns (SolveResponse); }`,
  'moby.buildkit.v1.Control',
)

/** The gateway of a build: buildx calls it on the connection of the build, the last time to return the result. */
export const gatewayService = serviceOf(
  `syntax = "proto3"; package moby.buildkit.v1.frontend;
   message ReturnRequest {}
   message ReturnResponse {}
   service LLBBridge { rpc Return(ReturnRequest) returns (ReturnResponse); }`,
  'moby.buildkit.v1.frontend.LLBBridge',
)

/** The metadata that names the build of a call to the gateway. */
export const buildIdKey = 'buildkit-controlapi-buildid'
