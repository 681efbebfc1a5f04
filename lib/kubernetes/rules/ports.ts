/** Ports as a container declares them. */
import { fieldOf, objectsOf } from '../shape.js'
import type { Container } from '../types.js'

/** A port's number; names are the container's own. */
export function portNumber(container: Container, port: unknown): number | undefined {
  if (typeof port === 'number') return port
  const named = objectsOf(container.ports).find((each) => fieldOf(each, 'name') === port)
  const number = Number(named?.containerPort ?? port)
  return Number.isInteger(number) ? number : undefined
}

/** Whether a container declares a port as its own. Another protocol has ports of its own. */
export function declares(container: Container, port: number | undefined): boolean {
  return objectsOf(container.ports).some(
    (each) => port !== undefined && each.containerPort === port && (fieldOf(each, 'protocol') ?? 'TCP') === 'TCP',
  )
}
