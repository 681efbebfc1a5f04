/** A right that the runner needs, as RBAC writes it, and what for. */
export interface Permission {
  /** Of `rules`: '' is the core group. */
  group: string
  resource: string
  verb: string
  /** Also outside the namespace. */
  isClusterWide?: true
  /** What does not work without it. */
  use: string
}

/** All rights, as `rbac.yaml` grants them; a test holds the three to each other: this table, that file, and the calls. */
export const permissions: readonly Permission[] = [
  { group: 'batch', resource: 'jobs', verb: 'create', use: 'to launch builds' },
  { group: 'batch', resource: 'jobs', verb: 'get', use: 'to go on after a crash' },
  { group: 'batch', resource: 'jobs', verb: 'list', use: 'to follow builds' },
  { group: 'batch', resource: 'jobs', verb: 'watch', use: 'to follow builds' },
  { group: 'batch', resource: 'jobs', verb: 'patch', use: 'to launch and to cancel builds' },
  { group: 'batch', resource: 'jobs', verb: 'delete', use: 'to remove builds' },
  { group: '', resource: 'pods', verb: 'list', use: 'to follow builds' },
  { group: '', resource: 'pods', verb: 'watch', use: 'to follow builds' },
  { group: '', resource: 'pods', verb: 'patch', use: 'to cancel builds with the end of their log kept' },
  { group: '', resource: 'pods', verb: 'delete', use: 'to cancel builds where that fails' },
  { group: '', resource: 'pods/log', verb: 'get', use: 'to read the log' },
  { group: '', resource: 'secrets', verb: 'create', use: 'to launch builds' },
  { group: '', resource: 'secrets', verb: 'get', use: 'to go on after a crash' },
  { group: '', resource: 'secrets', verb: 'patch', use: 'to launch builds in a queue' },
  { group: '', resource: 'secrets', verb: 'delete', use: 'to launch builds again, and for gc' },
  { group: '', resource: 'secrets', verb: 'list', use: 'for gc' },
  { group: '', resource: 'events', verb: 'list', use: 'to say why a build does not start' },
  { group: 'node.k8s.io', resource: 'runtimeclasses', verb: 'get', isClusterWide: true, use: 'for preflight' },
]
