import { describe, expect, it } from 'vitest'
import { stacksWishOf } from '../../dist/internal/stacks.js'
import { untriedReason } from '../../dist/internal/tried-versions.js'

const versions = (more: Record<string, string>): NodeJS.ProcessVersions => ({ ...process.versions, ...more })

describe('stacks that nobody asked for', () => {
  it.each(['20.19.0', '22.21.1', '24.0.0'])('are taken in Node.js %s', (node) => {
    expect(untriedReason(versions({ node }))).toBe(undefined)
  })

  it.each(['21.7.3', '26.0.0'])('are left out in Node.js %s, whose V8 they were not tried with', (node) => {
    expect(untriedReason(versions({ node }))).toBe(`not tried with Node.js ${node.slice(0, 2)}`)
  })

  it.each(['electron', 'bun', 'deno'])('are left out in %s', (name) => {
    expect(untriedReason(versions({ [name]: '1.0.0' }))).toBe(`not tried with ${name}`)
  })
})

describe('what a claim asks for', () => {
  it('is explicit by option', () => {
    expect(stacksWishOf(true)).toEqual({ isWanted: true, isExplicit: true })
    expect(stacksWishOf(false)).toEqual({ isWanted: false, isExplicit: true })
  })

  it('is no text', () => {
    expect(() => stacksWishOf('yes' as never)).toThrow(/^stacks: true or false/)
  })
})
