/**
 * The part of the daemon's gRPC interface that this example calls. Names and field numbers are those of
 * `api/services/control/control.proto` and `api/types/worker.proto` of moby/buildkit, and of `grpc.health.v1`; a reader
 * skips the fields that are not here. BuildKit registers the health service since buildkit#4145.
 */
export const interfaceText = `
syntax = "proto3";

package moby.buildkit.v1;

message Timestamp {
  int64 seconds = 1;
  int32 nanos = 2;
}

message InfoRequest {}
message BuildkitVersion {
  string package = 1;
  string version = 2;
  string revision = 3;
}
message InfoResponse {
  BuildkitVersion buildkitVersion = 1;
}

message BuildHistoryRequest {
  bool ActiveOnly = 1;
  string Ref = 2;
  bool EarlyExit = 3;
}
enum BuildHistoryEventType {
  STARTED = 0;
  COMPLETE = 1;
  DELETED = 2;
}
message BuildHistoryRecord {
  string Ref = 1;
  string Frontend = 2;
  map<string, string> FrontendAttrs = 3;
  Timestamp CreatedAt = 6;
  Timestamp CompletedAt = 7;
}
message BuildHistoryEvent {
  BuildHistoryEventType type = 1;
  BuildHistoryRecord record = 2;
}

message StatusRequest {
  string Ref = 1;
}
message Vertex {
  string digest = 1;
  repeated string inputs = 2;
  string name = 3;
  bool cached = 4;
  Timestamp started = 5;
  Timestamp completed = 6;
  string error = 7;
}
message VertexStatus {
  string ID = 1;
  string vertex = 2;
  string name = 3;
  int64 current = 4;
  int64 total = 5;
  Timestamp timestamp = 6;
  Timestamp started = 7;
  Timestamp completed = 8;
}
message VertexLog {
  string vertex = 1;
  Timestamp timestamp = 2;
  int64 stream = 3;
  bytes msg = 4;
}
message StatusResponse {
  repeated Vertex vertexes = 1;
  repeated VertexStatus statuses = 2;
  repeated VertexLog logs = 3;
}

service Control {
  rpc Status(StatusRequest) returns (stream StatusResponse);
  rpc Info(InfoRequest) returns (InfoResponse);
  rpc ListenBuildHistory(BuildHistoryRequest) returns (stream BuildHistoryEvent);
}
`

export const healthInterfaceText = `
syntax = "proto3";

package grpc.health.v1;

message HealthCheckRequest {
  string service = 1;
}
message HealthCheckResponse {
  enum ServingStatus {
    UNKNOWN = 0;
    SERVING = 1;
    NOT_SERVING = 2;
    SERVICE_UNKNOWN = 3;
  }
  ServingStatus status = 1;
}

service Health {
  rpc Check(HealthCheckRequest) returns (HealthCheckResponse);
}
`
