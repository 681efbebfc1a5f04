/** Where the guard of a container is to listen, if the kubelet asks it. */
import { listenVariable } from './conventions.js'
import { guardPort, guardSetting, listensElsewhere } from './guard.js'
import { listenAddressOf } from './listen-address.js'
import type { Container } from './types.js'
import type { WireSettings } from './wire-options.js'
import { WiringError } from './wiring-error.js'

export interface Listen {
  /** As the variable has it: `0.0.0.0:9808`. */
  text: string
  port: number
}

/**
 * What is there stays, if the kubelet can reach it.
 *
 * @param before the container without its new command, whose guard may have had a flag for it
 * @param ports in use in the pod; one that is taken here is added
 */
export function listenOf(
  container: Container,
  before: Container,
  settings: WireSettings,
  ports: Set<number>,
  where: string,
): Listen {
  const at = (port: number): Listen => ({ text: `${settings.address}:${port}`, port })
  const text = guardSetting(container, 'listen')
  const there = text === undefined ? undefined : listenAddressOf(text)
  if (text === undefined && !listensElsewhere(container)) {
    return at(guardPort(before) ?? freePort(settings.port, ports, where))
  }
  if (text === undefined || there === undefined) {
    throw new WiringError(
      'PORT_UNAVAILABLE',
      `${where}: its ${listenVariable} has no address and port that can be read here; write ADDRESS:PORT as its value, ` +
        'such as 0.0.0.0:9808 or [::]:9808',
    )
  }
  if (!there.isLoopback) return { text, port: there.port }
  if (settings.replace) return at(there.port)
  throw new WiringError(
    'PORT_UNAVAILABLE',
    `${where}: its ${listenVariable} is ${text}, which the kubelet cannot reach: each httpGet would fail, and the ` +
      `container be restarted; replace it (--replace), or write ${at(there.port).text}`,
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
