/** Rules on what the containers of a pod share: regions and the network. */
import { directoryOf, placeOf } from './places.js'
import { declares } from './ports.js'
import { regionsOf } from './programs.js'
import { groupsBy, type Member, type Observation, type Rule, watching } from './rule.js'

function at(member: Member, message: string, ...more: string[]): Observation {
  return { path: [...member.path, ...more], container: member.name, message }
}

const quoted = (members: Member[]): string => members.map(({ name }) => `"${name}"`).join(' and ')

/** The regions that a container's life hangs on, each with its place. */
function regionsWatched(member: Member): { region: string; place: string }[] {
  const looks = watching(member)
    // Readiness restarts nothing, and a sidecar serves it for others.
    .filter(({ check }) => check !== 'readiness')
    .flatMap(({ argv }) => {
      const place = placeOf(member.container, directoryOf(member.container, argv))
      return (regionsOf(member.container, argv) ?? []).map((region) => ({ region, place }))
    })
  return [...new Map(looks.map((look) => [JSON.stringify(look), look])).values()]
}

export const regionShared: Rule = {
  id: 'region-shared',
  severity: 'error',
  reason: "A pod's containers share /dev/shm, so they share a region of one name: one's stall restarts the other.",
  remedy: 'Set SHM_LIVENESS_REGION in each container, to its own name (wire does).',
  check: (pod) => {
    const watched = pod.members.flatMap((member) => regionsWatched(member).map((look) => ({ member, ...look })))
    // A container with a folder of its own shares no region.
    return groupsBy(watched, ({ region, place }) => JSON.stringify([region, place])).flatMap((looks) => {
      const members = looks.map(({ member }) => member)
      return members.slice(1).map((member) => at(member, `region "${looks[0]?.region}" is that of ${quoted(members)}`))
    })
  },
}

export const portShared: Rule = {
  id: 'port-shared',
  severity: 'error',
  reason: "A pod's containers share the network: only one guard can listen at a port, the other cannot start.",
  remedy: 'Give each guard a port of its own in SHM_LIVENESS_LISTEN (wire does), beside those of the containers.',
  check: (pod) => {
    const clashes = groupsBy(pod.members, ({ port }) => port).flatMap((group) =>
      group.slice(1).map((member) => at(member, `port ${member.port} is that of the guards of ${quoted(group)}`)),
    )
    const taken = pod.members.flatMap((member) =>
      pod.members
        .filter((other) => other !== member && declares(other.container, member.port))
        .map((other) => at(member, `the guard's port ${member.port} is declared by "${other.name}"`)),
    )
    return [...clashes, ...taken]
  },
}

export const hostNetworkPort: Rule = {
  id: 'host-network-port',
  severity: 'warning',
  reason: "With hostNetwork the guard's port is the node's: a second such pod on the node cannot start.",
  remedy: 'Do without hostNetwork, ask by exec, or give each workload a port of its own (wire --port).',
  check: (pod) =>
    pod.spec.hostNetwork === true
      ? pod.members
          .filter(({ port }) => port !== undefined)
          .map((member) => at(member, `port ${member.port} of the node itself`))
      : [],
}
