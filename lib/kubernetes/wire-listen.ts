/** Where the guard of a container is to listen, if the kubelet asks it. */
import { firstPort, listenVariable } from './conventions.js'
import { guardPort, guardSetting, listensElsewhere } from './guard.js'
import { listenAddressOf } from './listen-address.js'
import type { Container } from './types.js'
import type { WireSettings } from './wire-options.js'
import { WiringError } from './wiring-error.js'

const defaultAddress = '0.0.0.0'

export interface Listen {
  /** As the variable has it: `0.0.0.0:9808`. */
  text: string
  port: number
}

/**
 * What is there stays, if the kubelet can reach it, but for what was asked for: that takes its place, if it may.
 *
 * @param before the container without its new command, whose guard may have had a flag for it
 * @param ports in use in the pod, without those of guards that are given another; one that is taken here is added
 */
export function listenOf(
  container: Container,
  before: Container,
  settings: WireSettings,
  ports: Set<number>,
  where: string,
): Listen {
  const at = (port: number, host = settings.address ?? defaultAddress): Listen => ({ text: `${host}:${port}`, port })
  const asked = settings.port === undefined ? undefined : freePort(settings.port, ports, where)
  const text = guardSetting(container, 'listen')
  const there = text === undefined ? undefined : listenAddressOf(text)
  if (text === undefined && !listensElsewhere(container)) {
    return at(asked ?? guardPort(before) ?? freePort(firstPort, ports, where))
  }
  if (text === undefined || there === undefined) {
    throw new WiringError(
      'PORT_UNAVAILABLE',
      `${where}: its ${listenVariable} has no address and port that can be read here; write ADDRESS:PORT as its value, ` +
        'such as 0.0.0.0:9808 or [::]:9808',
    )
  }
  const port = asked ?? there.port
  if (settings.address !== undefined || (there.isLoopback && settings.replace)) return at(port)
  if (!there.isLoopback) return port === there.port ? { text, port } : at(port, text.slice(0, text.lastIndexOf(':')))
  throw new WiringError(
    'PORT_UNAVAILABLE',
    `${where}: its ${listenVariable} is ${text}, which the kubelet cannot reach: each httpGet would fail, and the ` +
      `container be restarted; replace it (--replace), or write ${at(port).text}`,
  )
}

function freePort(first: number, ports: Set<number>, where: string): number {
  let port = first
  while (ports.has(port)) port++
  if (port > 65535) {
    throw new WiringError('PORT_UNAVAILABLE', `${where}: no port from ${first} up is free; choose another --port`)
  }
  ports.add(port)
  return port
}
