/** Whether shm-liveness has a part in a container, as far as its manifest shows it. */
import { firstPort, guardProgram, probeProgram, variablePrefix } from '../conventions.js'
import { httpPaths } from '../probes.js'
import { checkNames } from '../settings.js'
import { fieldOf, isFields, objectsOf, textsOf } from '../shape.js'
import type { Container } from '../types.js'
import { portNumber } from './ports.js'

/**
 * A container that runs one of the programs, is told something by their variables, or is asked through a guard.
 *
 * @param guardPorts where the guards of its pod listen
 */
export function concernsUs(container: Container, guardPorts: ReadonlySet<number>): boolean {
  return mentionsProgram(container) || hasVariable(container) || asksGuard(container, guardPorts)
}

function mentionsProgram(container: Container): boolean {
  const handlers = [
    ...checkNames.map((check) => container[`${check}Probe`]),
    ...['postStart', 'preStop'].map((hook) => fieldOf(container.lifecycle ?? {}, hook)),
  ]
  const words = [
    ...textsOf(container.command),
    ...textsOf(container.args),
    ...handlers.flatMap((handler) => (isFields(handler) ? commandOf(handler['exec']) : [])),
  ]
  // Also in the text of a script, and where a program and its arguments are one text by mistake.
  return words.some((word) => word.includes(probeProgram) || word.includes(guardProgram))
}

function commandOf(exec: unknown): string[] {
  return isFields(exec) ? textsOf(exec['command']) : []
}

function hasVariable(container: Container): boolean {
  return objectsOf(container.env).some(({ name }) => typeof name === 'string' && name.startsWith(variablePrefix))
}

function asksGuard(container: Container, guardPorts: ReadonlySet<number>): boolean {
  return checkNames.some((check) => {
    const httpGet = container[`${check}Probe`]?.httpGet
    if (!isFields(httpGet) || httpGet['host']) return false
    const port = portNumber(container, httpGet['port'])
    if (port === undefined) return false
    return guardPorts.has(port) || (port === firstPort && Object.values<unknown>(httpPaths).includes(httpGet['path']))
  })
}
